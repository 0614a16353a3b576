# Sets up a shell for the Windows in FOLDER:  . tests/windows/env.sh FOLDER
# shellcheck shell=bash
export WINEPREFIX=$1/prefix WINEARCH=win64 WINEDEBUG=-all WINEPATH='C:\python' LC_ALL=C.UTF-8
# Microsoft's library, no debugger, and no desktop: it would hold the output of the program that
# asks for one first open for ever.
export WINEDLLOVERRIDES='ucrtbase=n,b;winedbg.exe=d;explorer.exe=d'
amx=$1/amx.so
# What is set for this machine's Python is not for that one.
unset DISPLAY PYTHONDONTWRITEBYTECODE PYTHONPATH PYTHONHOME VIRTUAL_ENV NODE_TOOLS REQUIRE_BROWSER
for name in "${!RR_@}"; do unset "$name"; done

# Runs that Python in its copy of the project, for at most so many seconds. Its output has to be a
# pipe, a terminal or /dev/null: with a file from this shell Wine's Python does not start. It does
# not wait for the pipe's end, which a process that was left behind would hold open.
wpython() {
  local limit_s=$1; shift
  (cd "$WINEPREFIX/drive_c/project" \
    && LD_PRELOAD=$amx timeout -k 5 "$limit_s" wine 'C:\python\python.exe' "$@" < /dev/null > >(cat) 2>&1)
}
