#!/usr/bin/env bash
# Make the environment of the corpus tools and fetch the teacher: setup.sh VENV TEACHER_FOLDER
set -euo pipefail

venv=${1:?usage: setup.sh VENV TEACHER_FOLDER}
teacher=${2:?usage: setup.sh VENV TEACHER_FOLDER}
here=$(dirname "$(realpath "$0")")

python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --requirement "$here/requirements.txt"
"$venv/bin/pip" install --quiet --no-deps misaki==0.9.4
"$here/get_teacher.sh" "$teacher"
