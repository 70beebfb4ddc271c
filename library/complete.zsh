#compdef deployer
# complete.zsh -- has zsh complete the words of deployer, which is asked for them.

_deployer() {
    local answer line value kind
    local -a lines words_here values shown going going_shown
    words_here=("${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}")
    answer=$("${(Q)words[1]/#\~\//$HOME/}" --complete "${(@)words_here}" \
        2>/dev/null </dev/null) || return 1
    lines=("${(@f)answer}")
    for line in "${(@)lines}"; do
        # What stands before was printed by the script.
        if [[ $line == :words || $line == :files ]]; then
            kind=$line
            values=() shown=() going=() going_shown=()
            continue
        fi
        value=${line%%$'\t'*}
        [[ -n $value && -n $kind ]] || continue
        if [[ $line == *$'\t'?* ]]; then
            line="$value  -- ${line#*$'\t'}"
        else
            line=$value
        fi
        # One that ends so goes on.
        if [[ $value == */ || $value == *: ]]; then
            going+=("$value")
            going_shown+=("$line")
        else
            values+=("$value")
            shown+=("$line")
        fi
    done
    local found=1
    if (( $#values )); then
        compadd -l -d shown -a values && found=0
    fi
    if (( $#going )); then
        compadd -S '' -l -d going_shown -a going && found=0
    fi
    if [[ $kind == :files ]]; then
        _files && found=0
    fi
    return found
}

# As a file of $fpath it is the function; else it is being evaluated.
if [[ $funcstack[1] == _deployer ]]; then
    _deployer "$@"
else
    compdef _deployer deployer
fi
