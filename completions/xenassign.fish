# Completion of xenassign for fish.

function __xenassign_completion
    set -l line (commandline -cp)
    set -l word (commandline -ct)
    set -l command (commandline -opc)[1]
    set -l before (string match -r -- '^--[^=]*=' "$word")
    for reply in (env COMP_WORDS="$line" COMP_CWORD="$word" _XENASSIGN_COMPLETE=fish_complete \
            $command 2>/dev/null </dev/null)
        set -l parts (string split -m 1 , -- $reply)
        switch $parts[1]
            case plain
                echo $parts[2]
            case file
                printf "$before%s\n" (__fish_complete_path (string replace -- "$before" "" "$word"))
            case dir
                printf "$before%s\n" (__fish_complete_directories (string replace -- "$before" "" "$word"))
        end
    end
end

complete -c xenassign -f -a '(__xenassign_completion)'
