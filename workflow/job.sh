# Read by bash before the command of every job.
set -euo pipefail

# Jobs find the package under src/: environments hold dependencies only.
CROSSGEN_SRC=$(cd "$(dirname "${BASH_SOURCE[0]}")/../src" && pwd)
export PYTHONPATH="$CROSSGEN_SRC${PYTHONPATH:+:$PYTHONPATH}"

# logged LOG COMMAND...: run the command, everything it prints in the log. If it failed, the log ends with its status and
# how to repeat the job by hand: the run that sent it reads that (crossgen.account), be it from another machine. Also
# right for a command that was killed and could say nothing itself.
logged() {
    local log=$1 status=0
    shift
    export CROSSGEN_JOB=${log%.log}.job.json # where the command writes what it ran on and took
    rm -f "$CROSSGEN_JOB"
    told "$@" >"$log" 2>&1 || status=$?
    if ((status)); then
        trailer "$status" "$@" >>"$log" || true # the disk may be full
    fi
    return "$status"
}

trailer() {
    local status=$1 program
    shift
    program=$(command -v "$1") || program=$1 # a fresh shell may find another python
    shift
    printf '\n---- exit status %s\n---- to repeat this job by hand:\n' "$(meaning "$status")"
    printf 'cd %q && PYTHONPATH=%q' "$PWD" "$CROSSGEN_SRC"
    quoted "$program" "$@"
    printf '\n'
}

# quoted WORD...: for a shell, in single quotes where there is need of any.
quoted() {
    local word
    for word in "$@"; do
        if [[ $word =~ ^[[:alnum:]_@%+=:,./-]+$ ]]; then
            printf ' %s' "$word"
        else
            printf ' %s' "${word@Q}"
        fi
    done
}

# told COMMAND...: run the command and pass on to it what this shell is told, then wait until it has ended. A scheduler
# may signal the shell alone, or all processes of the job at once and end it for good when the shell is gone: either way
# the command has its time to write a checkpoint.
told() {
    local status=0 before=0 signal=none child
    (
        trap - INT # which the shell lets what runs in the background ignore
        exec "$@"
    ) &
    child=$!
    trap 'signal=TERM; pass TERM "$child"' TERM
    trap 'signal=USR1; pass USR1 "$child"' USR1
    trap 'signal=INT' INT # a terminal sends it to the command too
    until [[ -z $signal ]]; do # a signal ends `wait` before the command has ended
        signal=
        before=$status
        status=0
        wait "$child" || status=$?
        if ((before && (status == -1 || status == 127))); then
            status=$before # bash forgets the status of what ends just as a signal arrives
        fi
    done
    trap - TERM USR1 INT
    return "$status"
}

pass() {
    kill -s "$1" "$2" 2>/dev/null || true # it may have ended
}

meaning() {
    case $1 in
    75) printf '75 (told to stop: it goes on from its checkpoint when it is run again)' ;;
    130) printf '130 (interrupted)' ;;
    137) printf '137 (killed: was there too little memory?)' ;;
    *) printf '%s' "$1" ;;
    esac
}
