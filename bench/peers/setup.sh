#!/bin/sh
# bench/peers/setup.sh VOICE: make environments of the other programs, outside the repository, and their models of a
# voice with the official layout. About 4 GB; packages come from PyPI, and nothing else is downloaded.
set -eu

voice=$(realpath "$1")
cd "$(dirname "$0")/../.."
root="${XDG_CACHE_HOME:-$HOME/.cache}/gptsovits_ros-peers"
mkdir -p "$root"

# gpt-sovits-cpufast needs Python 3.10 to 3.12, and a C compiler for one of its dependencies.
for name in cpufast genie; do
  [ -x "$root/$name/bin/python" ] || ${PYTHON:-python3} -m venv "$root/$name"
done
"$root/cpufast/bin/python" -m pip install --quiet gpt-sovits-cpufast==0.1.0
# genie-tts turns official files into its own with PyTorch, which it does not need to speak.
"$root/genie/bin/python" -m pip install --quiet genie-tts==2.0.2 torch

.venv/bin/python -m bench.peers.prepare "$voice" "$root/models"
cd "$root/models"
rm -rf genie
GENIE_DATA_DIR="$root/models/GenieData" "$root/genie/bin/python" -c \
  'import sys, genie_tts; genie_tts.convert_to_onnx(*sys.argv[1:])' \
  "$voice/semantic.ckpt" "$root/models/acoustic.pth" "$root/models/genie"
