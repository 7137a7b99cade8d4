"""Times PyTorch's DataLoader: reading, decoding, transforms and batches of JPEG files, and transforms from memory.

Transforms are those of torchvision on PIL images, written out here so that torchvision need not be installed.
Needs PyTorch, NumPy and PIL; on Debian: apt-get install python3-torch python3-pil. --help lists the flags.

`--make N` instead makes a temporary folder of N JPEG files, prints its path, and removes it when its input ends.
"""
import argparse
import io
import json
import math
import os
import random
import sys
import tempfile
import time

import numpy
import torch
from PIL import Image, ImageOps
from torch.utils.data import DataLoader, Dataset


def options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--make", type=int, help="make this many files instead of timing")
    parser.add_argument("--height", type=int, default=32)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--list", help="file that names one JPEG a line; - is the input")
    parser.add_argument("--transforms", choices=("cifar", "imagenet"), default="cifar")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def make(count, height, width):
    """Files of coarse noise and a gradient: about as many bytes a pixel as photographs."""
    generator = numpy.random.RandomState(0)
    with tempfile.TemporaryDirectory() as folder:
        for index in range(count):
            coarse = generator.randint(0, 256, (height // 8 + 2, width // 8 + 2, 3)).astype(numpy.uint8)
            image = Image.fromarray(coarse).resize((width, height), Image.BICUBIC)
            image.save(os.path.join(folder, f"{index:06}.jpg"), quality=90)
        print(folder, flush=True)
        sys.stdin.read()


class Crop:
    """RandomCrop(32, padding=4): black around, then a random window."""

    def __call__(self, image):
        width, height = image.size
        image = ImageOps.expand(image, border=4, fill=0)
        top, left = int(torch.randint(0, 9, (1,))), int(torch.randint(0, 9, (1,)))
        return image.crop((left, top, left + width, top + height))


class Flip:
    """RandomHorizontalFlip()."""

    def __call__(self, image):
        return image.transpose(Image.FLIP_LEFT_RIGHT) if torch.rand(1) < 0.5 else image


class ResizedCrop:
    """RandomResizedCrop(224)."""

    def __call__(self, image):
        width, height = image.size
        for _ in range(10):
            area = width * height * float(torch.empty(1).uniform_(0.08, 1))
            ratio = math.exp(float(torch.empty(1).uniform_(math.log(3 / 4), math.log(4 / 3))))
            w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if 0 < w <= width and 0 < h <= height:
                top, left = int(torch.randint(0, height - h + 1, (1,))), int(torch.randint(0, width - w + 1, (1,)))
                break
        else:
            w, h = width, height
            top = left = 0
        return image.crop((left, top, left + w, top + h)).resize((224, 224), Image.BILINEAR)


class Finish:
    """ToTensor() and Normalize()."""

    def __init__(self):
        self.mean = torch.tensor([0.4914, 0.4822, 0.4465]).view(-1, 1, 1)
        self.std = torch.tensor([0.2470, 0.2435, 0.2616]).view(-1, 1, 1)

    def __call__(self, image):
        pixels = torch.from_numpy(numpy.array(image, numpy.uint8, copy=True)).permute((2, 0, 1)).contiguous()
        return pixels.to(torch.float32).div(255).sub_(self.mean).div_(self.std)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def decode(content):
    return Image.open(io.BytesIO(content)).convert("RGB")


class Files(Dataset):
    def __init__(self, paths, augment, finish):
        self.paths, self.augment, self.finish = paths, augment, finish

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        image = decode(read(self.paths[index]))
        for change in self.augment:
            image = change(image)
        return self.finish(image), index % 10


class Memory(Dataset):
    """Decoded images as one array, as torchvision's CIFAR10 holds them."""

    def __init__(self, pixels, augment, finish):
        self.pixels, self.augment, self.finish = pixels, augment, finish

    def __len__(self):
        return len(self.pixels)

    def __getitem__(self, index):
        image = Image.fromarray(self.pixels[index])
        for change in self.augment:
            image = change(image)
        return self.finish(image), index % 10


def best(rounds, count, work):
    """Least microseconds an image over some rounds."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(1e6 * (time.perf_counter() - start) / count)
    return round(min(times), 2)


def passes(dataset, words):
    """Least microseconds an image of a whole pass, its workers started and ended."""
    loader = DataLoader(dataset, words.batch, shuffle=True, num_workers=words.workers, drop_last=True)

    def run():
        for images, _ in loader:
            images.shape

    return best(words.rounds, len(loader) * words.batch, run)


def measure(words):
    torch.set_num_threads(1)
    torch.manual_seed(0)
    random.seed(0)
    lines = sys.stdin if words.list == "-" else open(words.list)
    paths = [line.rstrip("\n") for line in lines]
    augment = [ResizedCrop(), Flip()] if words.transforms == "imagenet" else [Crop(), Flip()]
    finish = Finish()
    some = paths[: min(len(paths), 2000 if words.transforms == "cifar" else 100)]
    contents = [read(path) for path in some]
    images = [decode(content) for content in contents]

    def changed():
        result = []
        for image in images:
            for change in augment:
                image = change(image)
            result.append(image)
        return result

    done = changed()

    def batches():
        for start in range(0, len(done), words.batch):
            torch.stack([finish(image) for image in done[start:start + words.batch]])

    line = {
        "engine": f"pytorch {torch.__version__}",
        "read": best(words.rounds, len(some), lambda: [read(path) for path in some]),
        "decode": best(words.rounds, len(some), lambda: [decode(content) for content in contents]),
        "augment": best(words.rounds, len(some), changed),
        "batch": best(words.rounds, len(some), batches),
    }
    pixels = numpy.stack([numpy.array(decode(read(path))) for path in paths])
    line["memory"] = passes(Memory(pixels, augment, finish), words)
    del pixels
    line["files"] = passes(Files(paths, augment, finish), words)
    print(json.dumps(line))


if __name__ == "__main__":
    words = options()
    if words.make is not None:
        make(words.make, words.height, words.width)
    else:
        measure(words)
