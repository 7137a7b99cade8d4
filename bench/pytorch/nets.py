"""The networks of the comparison in PyTorch, as distillation papers define them for 32x32 images.

Each module gives its class scores; `taps(x)` gives the outputs of its stages too. ReLUs and residual sums work in
place: PyTorch is slower and larger without it.
"""
import re

import torch.nn as nn
import torch.nn.functional as F

# Parameters at 100 classes, the same that this project's architectures have.
PARAMETERS = {"resnet32": 472_756, "wrn_16_2": 703_284, "mobilenet_v2_half": 812_836}


def conv(inputs, outputs, kernel=3, stride=1, groups=1):
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)


class ResidualBlock(nn.Module):
    """conv-BN-ReLU-conv-BN plus the input or its 1x1 projection, then ReLU."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1, self.bn1 = conv(inputs, outputs, 3, stride), nn.BatchNorm2d(outputs)
        self.conv2, self.bn2 = conv(outputs, outputs), nn.BatchNorm2d(outputs)
        same = stride == 1 and inputs == outputs
        self.shortcut = (
            nn.Identity() if same else nn.Sequential(conv(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))
        )

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)), inplace=True)))
        y += self.shortcut(x)
        return F.relu(y, inplace=True)


class ResNet(nn.Module):
    """ResNet-(6n+2) of He et al. 2016, section 4.2, with projection shortcuts."""

    width = 64

    def __init__(self, depth, classes):
        super().__init__()
        if depth < 8 or (depth - 2) % 6:
            raise SystemExit(f"Cannot make a residual net: its depth is 6n + 2 with n >= 1, got {depth}. Say resnet32.")
        self.conv, self.bn = conv(3, 16), nn.BatchNorm2d(16)
        self.stages = stages(ResidualBlock, (depth - 2) // 6, 16, (16, 32, 64))
        self.classifier = nn.Linear(64, classes)

    def taps(self, x):
        x, found = F.relu(self.bn(self.conv(x)), inplace=True), []
        for stage in self.stages:
            x = stage(x)
            found.append(x)
        return self.classifier(x.mean((2, 3))), found

    def forward(self, x):
        return self.taps(x)[0]


class WideBlock(nn.Module):
    """BN-ReLU-conv-BN-ReLU-conv plus the input, or the 1x1 projection of the activated input."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(inputs), conv(inputs, outputs, 3, stride)
        self.bn2, self.conv2 = nn.BatchNorm2d(outputs), conv(outputs, outputs)
        self.shortcut = None if inputs == outputs else conv(inputs, outputs, 1, stride)

    def forward(self, x):
        active = F.relu(self.bn1(x), inplace=True)
        y = self.conv2(F.relu(self.bn2(self.conv1(active)), inplace=True))
        y += x if self.shortcut is None else self.shortcut(active)
        return y


class WideResNet(nn.Module):
    """WRN-d-k of Zagoruyko and Komodakis 2016, in the form of Tian et al. 2020: no biases, stride on the first 3x3."""

    def __init__(self, depth, k, classes):
        super().__init__()
        if depth < 10 or (depth - 4) % 6 or k < 1:
            raise SystemExit(
                f"Cannot make a wide residual net: its depth is 6n + 4 with n >= 1, got {depth}. Say wrn_16_2."
            )
        self.width = 64 * k
        self.conv = conv(3, 16)
        self.stages = stages(WideBlock, (depth - 4) // 6, 16, (16 * k, 32 * k, 64 * k))
        self.bn, self.classifier = nn.BatchNorm2d(self.width), nn.Linear(self.width, classes)

    def taps(self, x):
        x, found = self.conv(x), []
        for stage in self.stages:
            x = stage(x)
            found.append(x)
        return self.classifier(F.relu(self.bn(x), inplace=True).mean((2, 3))), found

    def forward(self, x):
        return self.taps(x)[0]


class InvertedResidual(nn.Module):
    """1x1 expansion, depthwise 3x3, 1x1 projection, each with BN, the first two with ReLU."""

    def __init__(self, inputs, outputs, expansion, stride):
        super().__init__()
        inner, self.same = inputs * expansion, stride == 1 and inputs == outputs
        self.path = nn.Sequential(
            *active(conv(inputs, inner, 1), inner),
            *active(conv(inner, inner, 3, stride, inner), inner),
            conv(inner, outputs, 1),
            nn.BatchNorm2d(outputs),
        )

    def forward(self, x):
        y = self.path(x)
        if self.same:
            y += x
        return y


class MobileNetV2(nn.Module):
    """MobileNetV2 of Sandler et al. 2018 for small images (Tian et al. 2020): ReLU, second group with stride 1."""

    GROUPS = (
        (1, 16, 1, 1), (6, 24, 2, 1), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
    )

    def __init__(self, width, classes):
        super().__init__()
        channels, blocks = int(32 * width), []
        stem = active(conv(3, channels, 3, 2), channels)
        for expansion, base, repeats, stride in self.GROUPS:
            for i in range(repeats):
                blocks.append(InvertedResidual(channels, int(base * width), expansion, 1 if i else stride))
                channels = int(base * width)
        last = int(1280 * width) if width > 1 else 1280
        self.features = nn.Sequential(*stem, *blocks, *active(conv(channels, last, 1), last))
        self.classifier = nn.Linear(last, classes)

    def forward(self, x):
        return self.classifier(self.features(x).mean((2, 3)))


def make(name, classes):
    """The network of a name, its convolutions drawn from N(0, 2 / (k^2 * outputs)), its parameters counted."""
    if match := re.fullmatch(r"resnet(\d+)", name):
        net = ResNet(int(match[1]), classes)
    elif match := re.fullmatch(r"wrn_(\d+)_(\d+)", name):
        net = WideResNet(int(match[1]), int(match[2]), classes)
    elif name in ("mobilenet_v2", "mobilenet_v2_half"):
        net = MobileNetV2(0.5 if name.endswith("half") else 1, classes)
    else:
        raise SystemExit(
            f'Cannot make "{name}": there is no such network. Say resnet32, wrn_16_2 or mobilenet_v2_half.'
        )
    he(net)
    found, expected = sum(p.numel() for p in net.parameters()), PARAMETERS.get(name)
    if classes == 100 and expected not in (None, found):
        raise SystemExit(f"Cannot time {name}: it has {expected} parameters at 100 classes, got {found}.")
    return net


def he(net):
    """Draws the convolutions of a module anew, as He et al. 2015 do by fan-out."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


def stages(block, repeats, inputs, widths):
    """One sequence of blocks a width; all but the first halve the image."""
    made = []
    for index, width in enumerate(widths):
        rows = []
        for i in range(repeats):
            rows.append(block(inputs, width, 2 if index and not i else 1))
            inputs = width
        made.append(nn.Sequential(*rows))
    return nn.ModuleList(made)


def active(layer, channels):
    return layer, nn.BatchNorm2d(channels), nn.ReLU(inplace=True)
