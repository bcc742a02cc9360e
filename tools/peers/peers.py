"""What the scripts beside this file share: the peers' virtual environment, the commands, and the machine."""
import json
import os
import platform
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ["torch", "transformers", "peft", "accelerate", "gguf", "sentencepiece", "llama-cpp-python", "bitsandbytes"]


def environment(**changes):
    """The surroundings of a measurement: nothing that chooses threads or kernels is inherited."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OPENBLAS_", "OMP_", "MKL_", "KMP_", "GOTO_", "ATTUNE_"))
    }
    return {**kept, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", **changes}


def python(folder):
    """The interpreter with the peers in `folder`, which is made where it is not there."""
    folder = Path(folder or Path.home() / ".cache/attune/peers")
    interpreter = folder / "bin/python"
    if not interpreter.exists():
        print(f"Installing {', '.join(PACKAGES)} into {folder}", file=sys.stderr)
        venv.create(folder, with_pip=True)
        # The wheels for CPUs are a tenth of the others; where their index cannot be reached, pip takes the others.
        index = "https://download.pytorch.org/whl/cpu"
        subprocess.run(
            [interpreter, "-m", "pip", "install", "-q", "--retries", "1", "--extra-index-url", index, *PACKAGES],
            check=True, stdout=sys.stderr,
        )
    return interpreter


def attune_bench(path):
    """The path of attune-bench, built for release unless one is given."""
    if path:
        return Path(path)
    build = ["swift", "build", "-c", "release", "--product", "attune-bench"]
    subprocess.run(build, cwd=ROOT, check=True, stdout=sys.stderr)
    shown = subprocess.run([*build, "--show-bin-path"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return Path(shown.strip()) / "attune-bench"


def base(path):
    """The model file; without one, that of tools/fetch-base."""
    if path:
        return Path(path).resolve()
    found = subprocess.run([ROOT / "tools/fetch-base"], check=True, stdout=subprocess.PIPE, text=True).stdout
    return Path(found.strip().splitlines()[-1])


def measure(command, **changes):
    """Runs a command and returns the JSON object in its last line."""
    done = subprocess.run(
        [str(part) for part in command], env=environment(**changes), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )
    lines = done.stdout.strip().splitlines()
    if done.returncode != 0 or not lines:
        sys.exit(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return json.loads(lines[-1])


def machine():
    """What a figure depends on."""
    name = platform.processor()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            name = line.split(":", 1)[1].strip()
            break
    return {"cpu": name, "cores": len(os.sched_getaffinity(0)), "load_before": os.getloadavg()[0]}
