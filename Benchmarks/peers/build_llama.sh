#!/bin/sh
# Builds programs of llama.cpp for this machine from the source package of llama-cpp-python on PyPI.
#
#   Benchmarks/peers/build_llama.sh FOLDER [PROGRAM ...]      -> FOLDER/build/bin/llama-bench, or the programs named; about ten
#                                                                minutes on two cores
set -eu
folder=${1:?a folder to build in}
shift
version=0.3.36
mkdir -p "$folder"
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q cmake ninja
[ -d "$folder/llama_cpp_python-$version" ] || {
    "$folder/venv/bin/pip" download -q --no-deps --no-binary llama-cpp-python "llama-cpp-python==$version" -d "$folder"
    tar xzf "$folder/llama_cpp_python-$version.tar.gz" -C "$folder"
}
PATH="$folder/venv/bin:$PATH"
cmake -S "$folder/llama_cpp_python-$version/vendor/llama.cpp" -B "$folder/build" -G Ninja -DCMAKE_BUILD_TYPE=Release \
    -DGGML_NATIVE=ON -DLLAMA_CURL=OFF -DLLAMA_OPENSSL=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF \
    -DLLAMA_BUILD_SERVER=OFF -DBUILD_SHARED_LIBS=OFF
ninja -C "$folder/build" "${@:-llama-bench}"
