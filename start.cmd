@echo off
rem A double click prepares what is missing and starts the show; only the first time needs a network.
rem With --unattended, as in the Task Scheduler, it does not wait for a key after a failure.
setlocal
cd /d "%~dp0"
chcp 65001 > nul
set "PYTHONUTF8=1"
set "PATH=%~dp0.venv\Scripts;%PATH%"
set "venv=.venv\Scripts\python.exe"

set "is_prepared=import pathlib as p, sys; sys.exit(p.Path('requirements.txt').read_bytes() != p.Path('.venv/prepared').read_bytes())"
if exist "%venv%" "%venv%" -c "%is_prepared%" > nul 2> nul && goto start

set "python="
set "is_supported=import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12), (3, 13)))"
for %%p in ("py -3.13" "py -3.12" "py -3.11" "python") do (
  if not defined python %%~p -c "%is_supported%" > nul 2> nul && set "python=%%~p"
)
if not defined python (
  echo There is no Python 3.11, 3.12 or 3.13: install one from python.org, then start this again.
  goto failed
)
echo Preparing .venv, once; this takes some minutes and needs a network.
%python% -m venv .venv || goto failed
"%venv%" -m pip install --disable-pip-version-check --require-hashes -r requirements.txt || goto failed
copy /b /y requirements.txt .venv\prepared > nul || goto failed

:start
"%venv%" -m honcho -e none start && exit /b 0

:failed
if not "%~1" == "--unattended" pause
exit /b 1
