"""The flags of the timing scripts, and the one line of JSON they print."""
import argparse
import json
import resource
import statistics
import time

import torch

from peak import megabytes


def options(about):
    """The words of the command line; also sets PyTorch's threads and seed."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--net", default="resnet32", help="resnet32, wrn_16_2, mobilenet_v2_half, ...")
    parser.add_argument("--batch", type=int, default=128, help="images of a step")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=5, help="timed steps, after one that is not timed")
    parser.add_argument("--layout", choices=("nchw", "nhwc"), default="nhwc")
    parser.add_argument("--classes", type=int, default=100)
    parser.add_argument("--memory", action="store_true", help="report the peak memory of the whole process too")
    words = parser.parse_args()
    torch.set_num_threads(words.threads)
    torch.manual_seed(0)
    return words


def batch(words):
    """Random 32x32 images in the layout said, and labels."""
    memory = torch.channels_last if words.layout == "nhwc" else torch.contiguous_format
    images = torch.randn(words.batch, 3, 32, 32).contiguous(memory_format=memory)
    return images, torch.randint(0, words.classes, (words.batch,))


def report(words, step):
    """Times `step` and prints what came of it; the first call, which allocates, is not counted."""
    step()
    times = []
    for _ in range(words.steps):
        start = time.perf_counter()
        step()
        times.append(1e3 * (time.perf_counter() - start))
    line = {
        "engine": f"pytorch {torch.__version__}",
        "layout": words.layout,
        "threads": words.threads,
        "net": words.net,
        "batch": words.batch,
        "min_ms": round(min(times), 1),
        "median_ms": round(statistics.median(times), 1),
    }
    if words.memory:
        line["peak_mb"] = megabytes(resource.RUSAGE_SELF)
    print(json.dumps(line))
