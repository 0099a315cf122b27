# Completion of xenassign for bash. Sourced by bash-completion, or by hand.

_xenassign_completion() {
    local kind value
    COMPREPLY=()
    while IFS=, read -r kind value; do
        case $kind in
        plain)
            COMPREPLY+=("$value")
            [[ $value == *[=:] ]] && compopt -o nospace 2>/dev/null
            ;;
        file) compopt -o default 2>/dev/null ;;
        dir) compopt -o dirnames 2>/dev/null ;;
        esac
    done < <(
        # The line up to the cursor, for @ = : part words in bash, and $2, which is what it replaces.
        [[ -n $COMP_LINE ]] && export COMP_LINE="${COMP_LINE:0:COMP_POINT}" COMP_TEXT="$2"
        env COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD="$COMP_CWORD" \
            _XENASSIGN_COMPLETE=bash_complete "${1/#\~/$HOME}" 2>/dev/null </dev/null
    )
}

complete -o nosort -F _xenassign_completion xenassign 2>/dev/null ||
    complete -F _xenassign_completion xenassign
