#!/bin/sh
# Writes the sample texts that `taper convert` uses where nobody names others into Swift, so that they come with the program.
set -eu
cd "$(dirname "$0")/.."
out=Sources/Maker/Pipeline/SampleTexts.swift
{
    echo "// swift-format-ignore-file"
    echo "// Written by Scripts/embed-samples.sh from samples/; a test compares them. Texts of this project, under its licence."
    echo
    echo "/// The texts of \`samples/\` that come with the program."
    echo "enum SampleTexts {"
    for name in calibration heldout; do
        echo "    static let $name = #\"\"\""
        cat "samples/$name.txt"
        echo
        echo '"""#'
    done
    echo "}"
} > "$out.new"
mv "$out.new" "$out"
