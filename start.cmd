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
set "is_supported=import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12), (3, 13)))"

if not exist "%venv%" goto prepare
"%venv%" -c "%is_prepared%" > nul 2> nul
if "%errorlevel%" == "0" goto start

:prepare
set "python="
call :try py -3.13
call :try py -3.12
call :try py -3.11
call :try python
if not defined python echo There is no Python 3.11, 3.12 or 3.13: install one from python.org, then start this again.
if not defined python goto failed
echo Preparing .venv, once; this takes some minutes and needs a network.
%python% -m venv .venv
if not "%errorlevel%" == "0" goto failed
"%venv%" -m pip install --disable-pip-version-check --require-hashes -r requirements.txt
if not "%errorlevel%" == "0" goto failed
copy /b /y requirements.txt .venv\prepared > nul
if not "%errorlevel%" == "0" goto failed

:start
"%venv%" -m honcho -e none start
if "%errorlevel%" == "0" exit /b 0

:failed
if not "%~1" == "--unattended" pause
exit /b 1

:try
if defined python exit /b 0
%* -c "%is_supported%" > nul 2> nul
if "%errorlevel%" == "0" set "python=%*"
exit /b 0
