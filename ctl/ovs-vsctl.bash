# Completion of ovs-vsctl for bash.  The tool itself knows how a command line may go on.

_ovs_vsctl() {
    local line=${COMP_LINE:0:COMP_POINT} words current kept
    read -ra words <<< "$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    current=${words[-1]}
    mapfile -t COMPREPLY < <("${words[0]}" --complete "${words[@]:1}" 2> /dev/null)
    # Bash replaces only what follows the last of these characters.
    kept=
    if [[ $COMP_WORDBREAKS == *=* && $COMP_WORDBREAKS == *:* ]]; then
        kept=${current%"${current##*[:=]}"}
    fi
    COMPREPLY=("${COMPREPLY[@]#"$kept"}")
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[:=] ]]; then
        compopt -o nospace
    fi
}
complete -F _ovs_vsctl ovs-vsctl
