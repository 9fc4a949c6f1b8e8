"""The paper's nets once more, in torch, written as their papers and official files have them; for tests alone."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Size = int | tuple[int, int]


class Unit(nn.Module):
    """Convolution without bias, batch norm, ReLU."""

    def __init__(self, into: int, out: int, size: Size = 1, stride: int = 1, pad: Size = 0) -> None:
        super().__init__()
        self.conv, self.bn = nn.Conv2d(into, out, size, stride, pad, bias=False), nn.BatchNorm2d(out, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))


def inside_mean(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)


class A(nn.Module):
    def __init__(self, into: int, pool: int) -> None:
        super().__init__()
        self.branch1x1 = Unit(into, 64)
        self.branch5x5_1, self.branch5x5_2 = Unit(into, 48), Unit(48, 64, 5, pad=2)
        self.branch3x3dbl_1, self.branch3x3dbl_2 = Unit(into, 64), Unit(64, 96, 3, pad=1)
        self.branch3x3dbl_3, self.branch_pool = Unit(96, 96, 3, pad=1), Unit(into, pool)

    def forward(self, x: Tensor) -> Tensor:
        three = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat(
            [self.branch1x1(x), self.branch5x5_2(self.branch5x5_1(x)), three, self.branch_pool(inside_mean(x))], 1
        )


class B(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.branch3x3, self.branch3x3dbl_1 = Unit(288, 384, 3, 2), Unit(288, 64)
        self.branch3x3dbl_2, self.branch3x3dbl_3 = Unit(64, 96, 3, pad=1), Unit(96, 96, 3, 2)

    def forward(self, x: Tensor) -> Tensor:
        twice = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch3x3(x), twice, F.max_pool2d(x, 3, 2)], 1)


class C(nn.Module):
    def __init__(self, c: int) -> None:
        super().__init__()
        flat, tall = {"size": (1, 7), "pad": (0, 3)}, {"size": (7, 1), "pad": (3, 0)}
        self.branch1x1, self.branch_pool = Unit(768, 192), Unit(768, 192)
        self.branch7x7_1, self.branch7x7_2, self.branch7x7_3 = Unit(768, c), Unit(c, c, **flat), Unit(c, 192, **tall)
        self.branch7x7dbl_1, self.branch7x7dbl_2, self.branch7x7dbl_3 = (
            Unit(768, c),
            Unit(c, c, **tall),
            Unit(c, c, **flat),
        )
        self.branch7x7dbl_4, self.branch7x7dbl_5 = Unit(c, c, **tall), Unit(c, 192, **flat)

    def forward(self, x: Tensor) -> Tensor:
        twice = x
        for i in range(1, 6):
            twice = getattr(self, f"branch7x7dbl_{i}")(twice)
        seven = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        return torch.cat([self.branch1x1(x), seven, twice, self.branch_pool(inside_mean(x))], 1)


class D(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.branch3x3_1, self.branch3x3_2 = Unit(768, 192), Unit(192, 320, 3, 2)
        self.branch7x7x3_1, self.branch7x7x3_2 = Unit(768, 192), Unit(192, 192, (1, 7), pad=(0, 3))
        self.branch7x7x3_3, self.branch7x7x3_4 = Unit(192, 192, (7, 1), pad=(3, 0)), Unit(192, 192, 3, 2)

    def forward(self, x: Tensor) -> Tensor:
        seven = x
        for i in range(1, 5):
            seven = getattr(self, f"branch7x7x3_{i}")(seven)
        return torch.cat([self.branch3x3_2(self.branch3x3_1(x)), seven, F.max_pool2d(x, 3, 2)], 1)


class E(nn.Module):
    def __init__(self, into: int, largest: bool) -> None:
        super().__init__()
        flat, tall = {"size": (1, 3), "pad": (0, 1)}, {"size": (3, 1), "pad": (1, 0)}
        self.largest, self.branch1x1, self.branch_pool = largest, Unit(into, 320), Unit(into, 192)
        self.branch3x3_1, self.branch3x3_2a, self.branch3x3_2b = (
            Unit(into, 384),
            Unit(384, 384, **flat),
            Unit(384, 384, **tall),
        )
        self.branch3x3dbl_1, self.branch3x3dbl_2 = Unit(into, 448), Unit(448, 384, 3, pad=1)
        self.branch3x3dbl_3a, self.branch3x3dbl_3b = Unit(384, 384, **flat), Unit(384, 384, **tall)

    def forward(self, x: Tensor) -> Tensor:
        three, twice = self.branch3x3_1(x), self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        wide = [self.branch3x3_2a(three), self.branch3x3_2b(three)]
        wide += [self.branch3x3dbl_3a(twice), self.branch3x3dbl_3b(twice)]
        pooled = F.max_pool2d(x, 3, 1, 1) if self.largest else inside_mean(x)
        return torch.cat([self.branch1x1(x), *wide, self.branch_pool(pooled)], 1)


class InceptionV3(nn.Module):
    """The 2015-12-05 graph. `inside` False counts padding as torchvision does; `largest` False likewise."""

    def __init__(self, largest: bool = True) -> None:
        super().__init__()
        self.Conv2d_1a_3x3, self.Conv2d_2a_3x3 = Unit(3, 32, 3, 2), Unit(32, 32, 3)
        self.Conv2d_2b_3x3, self.Conv2d_3b_1x1, self.Conv2d_4a_3x3 = (
            Unit(32, 64, 3, pad=1),
            Unit(64, 80),
            Unit(80, 192, 3),
        )
        self.Mixed_5b, self.Mixed_5c, self.Mixed_5d, self.Mixed_6a = A(192, 32), A(256, 64), A(288, 64), B()
        self.Mixed_6b, self.Mixed_6c, self.Mixed_6d, self.Mixed_6e = C(128), C(160), C(160), C(192)
        self.Mixed_7a, self.Mixed_7b, self.Mixed_7c, self.fc = (
            D(),
            E(1280, False),
            E(2048, largest),
            nn.Linear(2048, 1008),
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = F.max_pool2d(self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x))), 3, 2)
        x = F.max_pool2d(self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(x)), 3, 2)
        for name in ("5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c"):
            x = getattr(self, f"Mixed_{name}")(x)
        pool = x.mean(dim=(2, 3))
        return pool, self.fc(pool)


class Residual(nn.Module):
    def __init__(self, branches: Sequence[nn.Module], wide: int, out: int, scale: float, relu: bool = True) -> None:
        super().__init__()
        for i, branch in enumerate(branches):
            setattr(self, f"branch{i}", branch)
        self.count, self.conv2d, self.scale, self.relu = len(branches), nn.Conv2d(wide, out, 1), scale, relu

    def forward(self, x: Tensor) -> Tensor:
        wide = torch.cat([getattr(self, f"branch{i}")(x) for i in range(self.count)], 1)
        y = self.conv2d(wide) * self.scale + x
        return F.relu(y) if self.relu else y


class Reduce(nn.Module):
    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        for i, branch in enumerate(branches):
            setattr(self, f"branch{i}", branch)
        self.count = len(branches)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([*(getattr(self, f"branch{i}")(x) for i in range(self.count)), F.max_pool2d(x, 3, 2)], 1)


def block35() -> nn.Module:
    two = nn.Sequential(Unit(256, 32), Unit(32, 32, 3, pad=1))
    three = nn.Sequential(Unit(256, 32), Unit(32, 32, 3, pad=1), Unit(32, 32, 3, pad=1))
    return Residual([Unit(256, 32), two, three], 96, 256, 0.17)


def block17() -> nn.Module:
    two = nn.Sequential(Unit(896, 128), Unit(128, 128, (1, 7), pad=(0, 3)), Unit(128, 128, (7, 1), pad=(3, 0)))
    return Residual([Unit(896, 128), two], 256, 896, 0.10)


def block8(scale: float = 0.20, relu: bool = True) -> nn.Module:
    two = nn.Sequential(Unit(1792, 192), Unit(192, 192, (1, 3), pad=(0, 1)), Unit(192, 192, (3, 1), pad=(1, 0)))
    return Residual([Unit(1792, 192), two], 384, 1792, scale, relu)


class InceptionResnetV1(nn.Module):
    """As in facenet-pytorch's VGGFace2 file."""

    def __init__(self) -> None:
        super().__init__()
        self.conv2d_1a, self.conv2d_2a, self.conv2d_2b = Unit(3, 32, 3, 2), Unit(32, 32, 3), Unit(32, 64, 3, pad=1)
        self.conv2d_3b, self.conv2d_4a, self.conv2d_4b = Unit(64, 80), Unit(80, 192, 3), Unit(192, 256, 3, 2)
        self.repeat_1 = nn.Sequential(*(block35() for _ in range(5)))
        self.mixed_6a = Reduce(
            Unit(256, 384, 3, 2), nn.Sequential(Unit(256, 192), Unit(192, 192, 3, pad=1), Unit(192, 256, 3, 2))
        )
        self.repeat_2 = nn.Sequential(*(block17() for _ in range(10)))
        self.mixed_7a = Reduce(
            nn.Sequential(Unit(896, 256), Unit(256, 384, 3, 2)),
            nn.Sequential(Unit(896, 256), Unit(256, 256, 3, 2)),
            nn.Sequential(Unit(896, 256), Unit(256, 256, 3, pad=1), Unit(256, 256, 3, 2)),
        )
        self.repeat_3, self.block8 = nn.Sequential(*(block8() for _ in range(5))), block8(1.0, relu=False)
        self.last_linear, self.last_bn = nn.Linear(1792, 512, bias=False), nn.BatchNorm1d(512, eps=0.001)
        self.logits = nn.Linear(512, 8631)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = F.max_pool2d(self.conv2d_2b(self.conv2d_2a(self.conv2d_1a(x))), 3, 2)
        x = self.repeat_1(self.conv2d_4b(self.conv2d_4a(self.conv2d_3b(x))))
        x = self.repeat_3(self.mixed_7a(self.repeat_2(self.mixed_6a(x))))
        pool = self.block8(x).mean(dim=(2, 3))
        return pool, F.normalize(self.last_bn(self.last_linear(pool)))


def l2_pool(x: Tensor) -> Tensor:
    """√(sum of squares over 3×3 + 1e-12), by an all-ones kernel: another way than the mean times nine."""
    ones = torch.ones(x.shape[1], 1, 3, 3, dtype=x.dtype)
    return (F.conv2d(x * x, ones, padding=1, groups=x.shape[1]) + 1e-12).sqrt()


# The FaceNet paper's table 2: 1×1, 3×3 reduce, 3×3, 5×5 reduce, 5×5, pool; m: max, L: L2, and a pool of 0 is passed on
TABLE = {
    "3a": (64, 96, 128, 16, 32, "m", 32),
    "3b": (64, 96, 128, 32, 64, "L", 64),
    "3c": (0, 128, 256, 32, 64, "m", 0),
    "4a": (256, 96, 192, 32, 64, "L", 128),
    "4b": (224, 112, 224, 32, 64, "L", 128),
    "4c": (192, 128, 256, 32, 64, "L", 128),
    "4d": (160, 144, 288, 32, 64, "L", 128),
    "4e": (0, 160, 256, 64, 128, "m", 0),
    "5a": (384, 192, 384, 48, 128, "L", 128),
}


class Nn2(nn.Module):
    """FaceNet NN2 up to (5a)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = Unit(3, 64, 7, 2, 3)
        self.conv2 = nn.ModuleDict({"1x1": Unit(64, 64), "3x3": Unit(64, 192, 3, pad=1)})
        into = 192
        for name, (one, r3, three, r5, five, _, pool) in TABLE.items():
            stride = 1 if pool else 2
            parts = {"3x3_reduce": Unit(into, r3), "3x3": Unit(r3, three, 3, stride, 1)}
            parts |= {"5x5_reduce": Unit(into, r5), "5x5": Unit(r5, five, 5, stride, 2)}
            if pool:
                parts |= {"1x1": Unit(into, one), "pool": Unit(into, pool)}
            setattr(self, f"inception_{name}", nn.ModuleDict(parts))
            into = one + three + five + (pool or into)

    def forward(self, x: Tensor) -> tuple[Tensor]:
        x = F.local_response_norm(F.max_pool2d(self.conv1(x), 3, 2, 1), 5, 1e-4, 0.75, 1.0)
        x = F.local_response_norm(self.conv2["3x3"](self.conv2["1x1"](x)), 5, 1e-4, 0.75, 1.0)
        x = F.max_pool2d(x, 3, 2, 1)
        for name, row in TABLE.items():
            at, passed = getattr(self, f"inception_{name}"), row[-1] == 0
            pooled = l2_pool(x) if row[5] == "L" else F.max_pool2d(x, 3, 2 if passed else 1, 1)
            parts = [at["3x3"](at["3x3_reduce"](x)), at["5x5"](at["5x5_reduce"](x))]
            x = torch.cat([*parts, pooled] if passed else [at["1x1"](x), *parts, at["pool"](pooled)], 1)
        return (F.avg_pool2d(x, 7).flatten(1),)


class Vggish(nn.Module):
    """AudioSet's, in torchvggish's layout."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        into = 1
        for out in (64, 0, 128, 0, 256, 256, 0, 512, 512, 0):
            layers += [nn.Conv2d(into, out, 3, padding=1), nn.ReLU()] if out else [nn.MaxPool2d(2, 2)]
            into = out or into
        self.features = nn.Sequential(*layers)
        self.embeddings = nn.Sequential(
            nn.Linear(512 * 4 * 6, 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, 128)
        )

    def forward(self, x: Tensor) -> tuple[Tensor]:
        return (self.embeddings(self.features(x).permute(0, 2, 3, 1).reshape(len(x), -1)),)


def count(kind: type[nn.Module]) -> int:
    """Learnt numbers of a net."""
    with torch.device("meta"):
        return sum(p.numel() for p in kind().parameters())


def alive(kind: type[nn.Module], looks: Tensor, seed: int = 0) -> nn.Module:
    """A net with seeded weights that keep a signal through all layers: He's, and batch norms that saw `looks`."""
    with torch.device("meta"):  # torch's own first weights are not worked out
        net = kind()
    net.to_empty(device="cpu")
    random = torch.Generator().manual_seed(seed)
    norms = []
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                deviation = (2 / module.weight[0].numel()) ** 0.5
                module.weight.normal_(0, deviation, generator=random)
                if module.bias is not None:
                    module.bias.normal_(0, 0.1, generator=random)
            elif isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d):
                module.weight.uniform_(0.6, 1.4, generator=random)
                module.bias.normal_(0, 0.2, generator=random)
                module.reset_running_stats()
                module.momentum = None  # the statistics of this one look, not mixed with the first ones
                norms.append(module)
        if norms:
            net.train()(looks)
    return net.eval()
