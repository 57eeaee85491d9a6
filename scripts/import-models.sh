#!/usr/bin/env bash
# Imports the shipped ONNX models into a registry, by default models/: scripts/import-models.sh [DIRECTORY [NAME...]]
# EINFER is the command, by default build/release/bin/einfer.
set -euo pipefail
cd "$(dirname "$0")/.."
output=${1:-models}
shift || true
einfer=${EINFER:-build/release/bin/einfer}
digits=0,1,2,3,4,5,6,7,8,9

import() { # NAME DESCRIPTION OPTION...
    local name=$1 description=$2
    shift 2
    "$einfer" import "models/onnx/$name.onnx" --id "$name" --calibration "models/calibration/$name.csv" \
        --description "$description" --output "$output" --force "$@"
}

names=("$@")
[ ${#names[@]} -gt 0 ] || names=(breast_cancer_linear diabetes_linear digits_mlp mnist_mlp mnist_cnn)
for name in "${names[@]}"; do
    case $name in
        breast_cancer_linear)
            import "$name" "Logistic regression on the Wisconsin breast cancer data: the score of malignant." \
                --class-names benign,malignant ;;
        diabetes_linear)
            import "$name" "Ridge regression on the diabetes data: disease progression after one year." ;;
        digits_mlp)
            import "$name" "Handwritten digits, 8 x 8 pixels from 0 to 16: 32 hidden values, squared." \
                --range 0:16 --class-names $digits ;;
        mnist_mlp)
            import "$name" "Handwritten digits (MNIST), 28 x 28 pixels from 0 to 255: 128 hidden values, squared." \
                --range 0:255 --class-names $digits --tolerance 0.02 ;;
        mnist_cnn)
            import "$name" "Handwritten digits (MNIST), 28 x 28 pixels from 0 to 255: a convolution and a hidden layer, squared." \
                --range 0:255 --class-names $digits --tolerance 0.05 ;;
        *)
            echo "$0: there is no model $name" >&2
            exit 2 ;;
    esac
done
