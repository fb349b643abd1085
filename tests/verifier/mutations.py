#!/usr/bin/env python3
"""Changes one byte of a file, many times over, and expects the second verifier to refuse each.

    python3 mutations.py ANCHOR FILE COUNT

Walks through the file so that every byte is changed when COUNT allows it, to a value that depends
on its place. Exits 0 only if the file itself holds and no mutation of it does.
"""

import sys

import lonja_verify


def main():
    anchor_name, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    with open(anchor_name, "rb") as file:
        anchor = lonja_verify.read_anchor(file.read())
    with open(name, "rb") as file:
        data = file.read()
    print(lonja_verify.verify_file(data, anchor))
    step = 1 if count >= len(data) else len(data) / count
    accepted = 0
    for number in range(count):
        at = int(number * step) % len(data)
        # Another bit each time round, so that no two mutations are the same before all eight were tried.
        bit = (number // len(data) + number) % 8
        wrong = bytearray(data)
        wrong[at] ^= 1 << bit
        try:
            lonja_verify.verify_file(bytes(wrong), anchor)
        except lonja_verify.Refused:
            continue
        print(f"byte {at}, bit {bit}: accepted", file=sys.stderr)
        accepted += 1
    print(f"{count} mutations of {name}, {accepted} accepted")
    return 1 if accepted else 0


if __name__ == "__main__":
    sys.exit(main())
