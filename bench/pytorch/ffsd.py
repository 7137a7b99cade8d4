"""One FFSD iteration in PyTorch: two common students and a leader, updated by six optimizers.

Source: Li et al. 2022, "Distilling a Powerful Student Model via Online Knowledge Distillation", and its released code.
"""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

from nets import conv, he, make

TEMPERATURE = 2.0
DIVERSITY, FUSION, SELF_DISTILLATION = 1e-5, 10.0, 1e3
WARM_UP = 5


class Ffsd:
    """The nets, auxiliary modules and optimizers of a cohort of three, with one method: an iteration."""

    def __init__(self, name, classes, layout="nhwc", rate=0.1):
        self.memory = torch.channels_last if layout == "nhwc" else torch.contiguous_format
        self.nets = [make(name, classes) for _ in range(3)]
        width = getattr(self.nets[0], "width", None)
        if width is None:
            raise SystemExit(f"Cannot run FFSD: its nets have three stages, got {name}. Say resnet32 or wrn_16_2.")
        self.fuse, self.head = separable(2 * width, width), nn.Linear(width, classes)
        self.decode = separable(width, 2 * width)
        self.up = [Up(width), Up(width)]
        he(self.fuse)
        he(self.decode)
        for module in [*self.nets, self.fuse, self.decode, *self.up]:
            module.to(memory_format=self.memory)
        first, second, leader = self.nets
        self.optimizers = [
            sgd(first.parameters(), rate),
            sgd(second.parameters(), rate),
            sgd([*leader.parameters(), *self.decode.parameters()], rate),
        ]
        self.fuse_optimizer = sgd([*self.fuse.parameters(), *self.head.parameters()], rate, 1e-5)
        self.up_optimizers = [torch.optim.Adam(up.parameters(), weight_decay=1e-4) for up in self.up]

    def step(self, x, y, epoch=WARM_UP + 1):
        """An iteration on images and labels; `epoch` counts from 1 and drives the warm-up of three coefficients."""
        warm = math.exp(-5 * (1 - epoch / WARM_UP) ** 2) if epoch <= WARM_UP else 1.0
        leader_scores, leader_taps = self.nets[2].taps(x)
        decoded = self.decode(leader_taps[-1])
        students = [net.taps(x) for net in self.nets[:2]]
        joined = torch.cat([taps[-1].detach() for _, taps in students], 1)
        fused = self.fuse(joined)
        fused_scores = self.head(fused.mean((2, 3)))
        ensemble = (students[0][0] + students[1][0]) / 2

        for i, (scores, taps) in enumerate(students):
            loss = F.cross_entropy(scores, y) + kl(students[1 - i][0], scores)
            if i == 1:
                target, source = diverse(students[0][1][-1].detach())
                distance = (F.normalize(attention(taps[-1]).flatten(1)) - target).pow(2).mean()
                loss = loss + warm * DIVERSITY * (distance + applied(self.up[0], taps, source))
            update(self.optimizers[i], loss)

        update(self.fuse_optimizer, F.cross_entropy(fused_scores, y) + kl(ensemble, fused_scores))

        fused = fused.detach()
        imitation = (
            distance_of(attention(leader_taps[-1]), attention(fused))
            + distance_of(attention(decoded), attention(joined))
            + applied(self.up[1], leader_taps, fused)
        )
        update(
            self.optimizers[2],
            F.cross_entropy(leader_scores, y) + kl(fused_scores, leader_scores) + warm * FUSION * imitation,
        )

        for up, optimizer, taps in zip(self.up, self.up_optimizers, (students[1][1], leader_taps)):
            taps = [tap.detach() for tap in taps]
            made = up(taps[-1])
            loss = sum(distance_of(g, f) + distance_of(attention(g), attention(f)) for g, f in zip(made, taps))
            update(optimizer, warm * SELF_DISTILLATION * loss)


class Up(nn.Module):
    """The self-distillation module: from the last tap back to the shapes of those before it."""

    def __init__(self, width):
        super().__init__()
        self.deep, self.shallow = enlarge(width), enlarge(width // 2)

    def forward(self, x):
        deep = self.deep(x)
        return [self.shallow(deep), deep]


def enlarge(channels):
    half = channels // 2
    return nn.Sequential(
        nn.ConvTranspose2d(channels, half, 3, 2, 1, 1, bias=False), nn.BatchNorm2d(half), nn.ReLU(inplace=True)
    )


def separable(inputs, outputs):
    return nn.Sequential(
        conv(inputs, inputs, 3, 1, inputs), nn.BatchNorm2d(inputs), nn.ReLU(inplace=True),
        conv(inputs, outputs, 1), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True),
    )


def sgd(parameters, rate, decay=1e-4):
    return torch.optim.SGD(parameters, rate, 0.9, weight_decay=decay, nesterov=True)


def update(optimizer, loss):
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()


def applied(up, taps, source):
    """Distance of the taps from what a module in evaluation mode makes of `source`."""
    up.eval()
    with torch.no_grad():
        made = up(source)
    up.train()
    return sum(distance_of(attention(tap), attention(target)) for tap, target in zip(taps, made))


def attention(feature):
    return feature.pow(2).mean(1, keepdim=True)


def distance_of(x, y):
    return (F.normalize(x.flatten(1)) - F.normalize(y.flatten(1))).pow(2).mean()


def kl(target, scores):
    soft = F.softmax(target.detach() / TEMPERATURE, 1)
    return TEMPERATURE**2 * F.kl_div(F.log_softmax(scores / TEMPERATURE, 1), soft, reduction="batchmean")


def diverse(feature):
    """The diversity target, equations 8 and 9: as an attention map, and as features for self-distillation."""
    raw = attention(feature).flatten(1)
    norm, unit = raw.norm(dim=1, keepdim=True), F.normalize(raw)
    threshold = torch.kthvalue(unit, raw.shape[1] // 3, 1, keepdim=True)[0]
    target = (norm / 2 - unit) * torch.sign(unit - threshold) + norm / 2
    shift = (target - unit) * norm / feature.shape[1]
    return target, feature + shift.view_as(attention(feature))
