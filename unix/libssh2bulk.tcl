# libssh2bulk.tcl -- a copy of libssh2's source that ciphers packets in bulk.
#
# usage: tclsh libssh2bulk.tcl SOURCE COPY
#
# libssh2 hands its cipher one block of 16 bytes after the other and copies each
# of them twice. In the copy a packet goes to the cipher in one call, in place.
# SOURCE is an unpacked libssh2; COPY is made anew. What is changed are whole
# functions or statements. Each is found by its name and known by its tokens, so
# that other comments and another layout do no harm, and everything else does:
# this program ends with 1 and says which part it does not know, and there is no
# copy.
#
# A part is known by {TOKENS CRC32}: how many there are, and a checksum over them
# with one space between each two.

package require Tcl 8.6

namespace eval bulk {
    # Lists of: file, what is replaced (Function NAME, or Statements FUNCTION
    # FIRSTTOKENS COUNT; Begin NAME: the new text is put before what a function
    # does), what that is known by, the new text.
    variable Edits {}
}

# {TOKEN FIRST LAST} of each token of C, without comments; indices of TEXT.
proc bulk::Tokens text {
    set pattern {//[^\n]*|/\*(?:[^*]|\*+[^*/])*\*+/|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'}
    append pattern {|[A-Za-z_]\w*|\d[\w.]*|[^\s\w]}
    set tokens {}
    foreach range [regexp -all -inline -indices -- $pattern $text] {
        set token [string range $text {*}$range]
        if {[string match {/[/*]*} $token]} continue
        lappend tokens [list $token {*}$range]
    }
    return $tokens
}

# The index of the token that closes what the one at INDEX opens.
proc bulk::Closing {tokens index} {
    set open [lindex $tokens $index 0]
    set close [dict get {( ) \{ \} [ ]} $open]
    set depth 0
    for {set i $index} {$i < [llength $tokens]} {incr i} {
        set token [lindex $tokens $i 0]
        if {$token eq $open} {
            incr depth
        } elseif {$token eq $close && [incr depth -1] == 0} {
            return $i
        }
    }
    error "a \"$open\" that nothing closes"
}

# {FIRST LAST}: the tokens of the definition of a function, from its name to the
# brace that ends it.
proc bulk::Function {tokens name} {
    set i -1
    while {[set i [lsearch -exact -start [incr i] -index 0 $tokens $name]] >= 0} {
        if {[lindex $tokens $i+1 0] ne "("} continue
        set end [Closing $tokens [expr {$i + 1}]]
        if {[lindex $tokens $end+1 0] eq "\{"} {
            return [list $i [Closing $tokens [expr {$end + 1}]]]
        }
    }
    error "there is no function $name"
}

# {FIRST LAST}: one statement that begins at INDEX.
proc bulk::Statement {tokens index} {
    set i $index
    while 1 {
        switch -- [lindex $tokens $i 0] {
            ( {set i [Closing $tokens $i]}
            \{ {return [list $index [Closing $tokens $i]]}
            \; {return [list $index $i]}
            {} {error "a statement without an end"}
        }
        incr i
    }
}

# The statements of FUNCTION from the one that begins with the words FIRST, COUNT
# of them.
proc bulk::Statements {tokens function first count} {
    lassign [Function $tokens $function] begin end
    set size [llength $first]
    for {set i $begin} {$i < $end} {incr i} {
        set words [lmap token [lrange $tokens $i [expr {$i + $size - 1}]] {
            lindex $token 0
        }]
        if {$words eq $first} {
            set last [expr {$i - 1}]
            for {set n 0} {$n < $count} {incr n} {
                set last [lindex [Statement $tokens [expr {$last + 1}]] 1]
            }
            return [list $i $last]
        }
    }
    error "there is no \"[join $first]\" in $function"
}

# What TOKENS are known by.
proc bulk::Sum tokens {
    set words [lmap token $tokens {lindex $token 0}]
    return [list [llength $words] \
        [zlib crc32 [encoding convertto utf-8 [join $words " "]]]]
}

# As Function: what Begin is known by.
proc bulk::Begin {tokens name} {
    return [Function $tokens $name]
}

# The text of a file with one part replaced.
proc bulk::Replace {text where known new} {
    set tokens [Tokens $text]
    lassign [{*}[linsert $where 1 $tokens]] first last
    set part [lrange $tokens $first $last]
    set sum [Sum $part]
    if {$sum ni $known} {
        error "its tokens are $sum, known is [join $known { or }]"
    }
    if {[lindex $where 0] eq "Begin"} {
        set brace [lsearch -exact -index 0 $part \{]
        set part [lrange $part $brace $brace]
        set new "\{\n[string trim $new \n]"
    }
    return [string replace $text [lindex $part 0 1] [lindex $part end 2] \
        [string trim $new]]
}

proc bulk::Edit {file where known new} {
    variable Edits
    lappend Edits [list $file $where $known $new]
}

proc bulk::ReadFile path {
    set channel [open $path]
    chan configure $channel -encoding utf-8 -translation binary
    set text [read $channel]
    close $channel
    return $text
}

proc bulk::WriteFile {path text} {
    set channel [open $path w]
    chan configure $channel -translation binary
    puts -nonewline $channel $text
    close $channel
}

# --- the changes ---

# Any number of blocks, in place. What is of AES-GCM: the first four bytes of a
# packet are authenticated only, and the tag lies behind the last one.
bulk::Edit src/openssl.c {Function _libssh2_cipher_crypt} {
    {511 1883289019} {518 2319423137}
} {
_libssh2_cipher_crypt(_libssh2_cipher_ctx * ctx,
                      _libssh2_cipher_type(algo),
                      int encrypt, unsigned char *block, size_t blocksize,
                      int firstlast)
{
    int isGcm = 0, aad = 0, tag = 0, length, rc;
    unsigned char *data;

#if LIBSSH2_AES_GCM
    isGcm = algo == EVP_aes_128_gcm || algo == EVP_aes_256_gcm;
#endif
    if(isGcm) {
        aad = IS_FIRST(firstlast) ? 4 : 0;
        tag = IS_LAST(firstlast) ? 16 : 0;
    }
    if(blocksize < (size_t)(aad + tag) || blocksize > INT_MAX) {
        return 1;
    }
    data = block + aad;
    length = (int)blocksize - aad - tag;

#if LIBSSH2_AES_GCM
    if(isGcm && IS_FIRST(firstlast)) {
        unsigned char last[1];

        if(EVP_CIPHER_CTX_ctrl(*ctx, EVP_CTRL_GCM_IV_GEN, 1, last) != 1 ||
           EVP_Cipher(*ctx, NULL, block, (unsigned int)aad) < 0) {
            return 1;
        }
    }
    if(tag && !encrypt &&
       EVP_CIPHER_CTX_ctrl(*ctx, EVP_CTRL_GCM_SET_TAG, tag,
                           data + length) != 1) {
        return 1;
    }
#endif
    if(length > 0) {
        rc = EVP_Cipher(*ctx, data, data, (unsigned int)length);
        if(isGcm ? rc < 0 : rc < 1) {
            return 1;
        }
    }
#if LIBSSH2_AES_GCM
    if(tag) {
        if(EVP_Cipher(*ctx, NULL, NULL, 0) < 0 ||
           (encrypt && EVP_CIPHER_CTX_ctrl(*ctx, EVP_CTRL_GCM_GET_TAG, tag,
                                           data + length) != 1)) {
            return 1;
        }
    }
#endif
    (void)encrypt;
    return 0;
}
}

# All blocks that are there in one call, where they belong.
bulk::Edit src/transport.c {Function decrypt} {{218 3390477372}} {
decrypt(LIBSSH2_SESSION * session, unsigned char *source,
        unsigned char *dest, ssize_t len, int firstlast)
{
    if(len > 0) {
        memcpy(dest, source, len);
        if(session->remote.crypt->crypt(session, 0, dest, len,
                                        &session->remote.crypt_abstract,
                                        firstlast)) {
            LIBSSH2_FREE(session, session->packet.payload);
            return LIBSSH2_ERROR_DECRYPT;
        }
    }
    return LIBSSH2_ERROR_NONE;
}
}

# A packet that goes out, with its tag if the cipher makes one.
bulk::Edit src/transport.c {
    Statements _libssh2_transport_send {for ( i = etm_crypt_offset} 2
} {{293 542682240}} {
i = packet_length - etm_crypt_offset;
            if(CRYPT_FLAG_L(session, INTEGRATED_MAC)) {
                i += local_mac->mac_len;
            }
            if(session->local.crypt->crypt(session, 0,
                                           &p->outbuf[etm_crypt_offset], i,
                                           &session->local.crypt_abstract,
                                           FIRST_BLOCK | LAST_BLOCK)) {
                return LIBSSH2_ERROR_ENCRYPT;
            }
}

# A packet whose tag is wrong is given back; the end of the session would not do it.
bulk::Edit src/transport.c {
    Statements _libssh2_transport_read {rc = session - > remote . crypt - > crypt} 2
} {{65 2310929560}} {
rc = session->remote.crypt->crypt(session,
                                               session->remote.seqno,
                                               &p->buf[p->readidx],
                                               numdecrypt,
                                               &session->remote.crypt_abstract,
                                               0);

                if(rc != LIBSSH2_ERROR_NONE) {
                    p->total_num = 0;
                    LIBSSH2_FREE(session, p->payload);
                    p->payload = NULL;
                    return rc;
                }
}

# Padding that is longer than its packet is believed by nobody.
bulk::Edit src/transport.c {
    Statements fullpacket {session - > fullpacket_payload_len - =} 1
} {{11 2071599398}} {
if(p->padding_length > session->fullpacket_payload_len) {
            LIBSSH2_FREE(session, p->payload);
            p->payload = NULL;
            session->socket_state = LIBSSH2_SOCKET_DISCONNECTED;
            return _libssh2_error(session, LIBSSH2_ERROR_INVALID_MAC,
                                  "Invalid padding received");
        }
        session->fullpacket_payload_len -= p->padding_length;
}

# What the cipher of the other direction is does not matter for what is sent: a
# server may choose two of different kinds, and its answer is all that it takes.
bulk::Edit src/transport.c {
    Statements _libssh2_transport_send {if ( encrypted & & session - > local} 1
} {{34 2492285940}} {
if(encrypted && session->local.crypt &&
        CRYPT_FLAG_L(session, REQUIRES_FULL_PACKET)) {
        auth_len = session->local.crypt->auth_len;
    }
}
bulk::Edit src/transport.c {
    Statements _libssh2_transport_send {crypt_offset =} 1
} {{26 3064754706}} {
crypt_offset = (etm || auth_len ||
                    (encrypted && CRYPT_FLAG_L(session, PKTLEN_AAD)))
                   ? 4 : 0;
}

# A packet whose MAC is wrong is the end: with encrypt-then-MAC it was not
# deciphered, and with CBC the first block of the next one, whose MAC is right, would
# become anything, lengths that nobody checks among it.
bulk::Edit src/packet.c {
    Statements _libssh2_packet_add {if ( ( macstate} 1
} {{51 4095469061}} {
if(macstate == LIBSSH2_MAC_INVALID &&
            (!session->macerror ||
             LIBSSH2_MACERROR(session, (char *) data, datalen))) {
            LIBSSH2_FREE(session, data);
            session->socket_state = LIBSSH2_SOCKET_DISCONNECTED;
            return _libssh2_error(session, LIBSSH2_ERROR_INVALID_MAC,
                                  "Invalid MAC received");
        }
}

# A packet whose tag is wrong: the one it was is looked at again, for ever, if
# that is no error.
bulk::Edit src/crypt.c {
    Statements crypt_encrypt_chacha20_poly_buffer {return ( ret} 1
} {{12 2107913406}} {
return ret == 0 ? 0 : LIBSSH2_ERROR_DECRYPT;
}

# ChaCha20 of OpenSSL, which uses what the processor has; the portable code below
# for what is short, and should that not begin. One that fails on the way leaves
# nothing that could be taken for a packet. Words 12 to 15 are the counter and
# the nonce, and a packet is too short for the counter to overflow.
bulk::Edit src/chacha.c {Begin chacha_encrypt_bytes} {{1091 111615243}} {
  if(bytes > 256) {
    unsigned char keyiv[48];
    EVP_CIPHER_CTX *evp = EVP_CIPHER_CTX_new();
    int i, done = 0, begun;

    for(i = 0; i < 48; i++) {
      keyiv[i] = (unsigned char)
        (x->input[i < 32 ? 4 + i / 4 : 12 + (i - 32) / 4] >> (i % 4 * 8));
    }
    begun = evp && EVP_CipherInit_ex(evp, EVP_chacha20(), NULL, keyiv,
                                     keyiv + 32, 1) == 1;
    if(begun && (EVP_CipherUpdate(evp, c, &done, m, (int)bytes) != 1 ||
                 done != (int)bytes)) {
      memset(c, 0, bytes);
    }
    EVP_CIPHER_CTX_free(evp);
    OPENSSL_cleanse(keyiv, sizeof(keyiv));
    if(begun) {
      x->input[12] += (bytes + 63) / 64;
      return;
    }
  }
}

proc bulk::main {source copy} {
    variable Edits
    foreach edit $Edits {
        lassign $edit file where known new
        if {[catch {
            if {![info exists texts($file)]} {
                set texts($file) [ReadFile [file join $source $file]]
            }
            set texts($file) [Replace $texts($file) $where $known $new]
        } message]} {
            puts stderr "libssh2 in $source is not changed:\
                $file, [lindex $where 1]: $message"
            exit 1
        }
    }
    file delete -force $copy
    file copy $source $copy
    foreach {file text} [array get texts] {
        WriteFile [file join $copy $file] $text
    }
}

if {[info exists argv0] && [file tail $argv0] eq [file tail [info script]]} {
    if {[llength $argv] != 2} {
        puts stderr "usage: libssh2bulk.tcl SOURCE COPY"
        exit 2
    }
    bulk::main {*}$argv
}
