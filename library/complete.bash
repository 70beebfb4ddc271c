# complete.bash -- has bash complete the words of deployer, which is asked for them.

# The words of $1 as bash would read them, in the array words. Nothing in them is
# evaluated; a quote may be open.
_deployer_words() {
    local line=$1 char next word= open=0 state= i
    words=()
    for ((i = 0; i < ${#line}; i++)); do
        char=${line:i:1}
        next=${line:i+1:1}
        case $state:$char in
        "':'" | '":"') state= ;;
        '":\')
            case $next in
            [\"\\\$\`]) word+=$next; i=$((i + 1)) ;;
            *) word+=$char ;;
            esac ;;
        ?:*) word+=$char ;;
        ":'" | ':"') state=$char; open=1 ;;
        ':\') word+=$next; open=1; i=$((i + 1)) ;;
        :[[:space:]])
            if [[ $open = 1 ]]; then
                words+=("$word")
            fi
            word=; open=0 ;;
        *) word+=$char; open=1 ;;
        esac
    done
    words+=("$word")
    quote=$state
}

_deployer() {
    local words quote line word kind= answer char cut= goes=1 i
    COMPREPLY=()
    _deployer_words "${COMP_LINE:0:COMP_POINT}"
    # What stands before the program, as VAR=value.
    for ((i = 0; i < ${#words[@]} - 1; i++)); do
        [[ ${words[i]} = "$1" ]] && break
    done
    words=("${words[@]:i+1}")
    word=${words[${#words[@]} - 1]}
    answer=$("${1/#\~\//$HOME/}" --complete "${words[@]}" 2>/dev/null </dev/null) ||
        return
    # Bash replaces what stands behind the last of these, and of what is quoted
    # the whole word.
    if [[ -z $quote ]]; then
        for char in : =; do
            if [[ $COMP_WORDBREAKS = *$char* && $word = *$char* ]]; then
                line=${word%"${word##*$char}"}
                [[ ${#line} -gt ${#cut} ]] && cut=$line
            fi
        done
    fi
    while IFS= read -r line; do
        # What stands before was printed by the script.
        if [[ $line = :words || $line = :files ]]; then
            kind=$line
            COMPREPLY=()
            goes=1
            continue
        fi
        line=${line%%$'\t'*}
        [[ -n $line && -n $kind ]] || continue
        [[ $line = */ || $line = *: ]] || goes=0
        line=${line#"$cut"}
        if [[ -z $quote ]]; then
            printf -v line %q "$line"
        fi
        COMPREPLY+=("$line")
    done <<<"$answer"
    if [[ $kind = :files ]]; then
        while IFS= read -r line; do
            COMPREPLY+=("$line")
        done < <(compgen -f -- "${word#"$cut"}")
        compopt -o filenames 2>/dev/null
    elif [[ ${#COMPREPLY[@]} -gt 0 && $goes = 1 ]]; then
        compopt -o nospace 2>/dev/null
    fi
}

complete -F _deployer deployer
