"""What happens when things go wrong: kills, full disks, damage, bad servers, two processes, a wrong clock.

    python -m benchmarks.faults [--kills 100] [--seed 0] [--only NAME] [--out faults.jsonl]

Each family of scenarios is a file. All is real but small: the ``rader`` command as a process of its own, a
tiny seeded encoder, a scripted model behind a real HTTP endpoint, pip fetching wheels from a folder. Every
scenario compares what a disturbed command came to in the end with what the same command does undisturbed.
"""
