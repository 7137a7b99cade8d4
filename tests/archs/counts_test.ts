import { assertEquals } from "@std/assert";
import { type Arch, builtinArchs, summarize } from "../../dsl/mod.ts";

const archs: Readonly<Record<string, Arch>> = { ...builtinArchs };

/**
 * Computed with the authors' PyTorch classes on 3×32×32 at 100 classes: parameters, running statistics, multiply-adds of
 * convolutions and linear layers in millions, maps behind stem and spots, embedding.
 */
const table = `
resnet8            83892     672    12.51  16x32x32 16x32x32 32x16x16 64x8x8 64
resnet14           181108    1120   26.66  16x32x32 16x32x32 32x16x16 64x8x8 64
resnet20           278324    1568   40.82  16x32x32 16x32x32 32x16x16 64x8x8 64
resnet32           472756    2464   69.13  16x32x32 16x32x32 32x16x16 64x8x8 64
resnet44           667188    3360   97.44  16x32x32 16x32x32 32x16x16 64x8x8 64
resnet56           861620    4256   125.75 16x32x32 16x32x32 32x16x16 64x8x8 64
resnet110          1736564   8288   253.16 16x32x32 16x32x32 32x16x16 64x8x8 64
resnet8x4          1233540   2752   177.07 32x32x32 64x32x32 128x16x16 256x8x8 256
resnet32x4         7433860   9920   1083.04 32x32x32 64x32x32 128x16x16 256x8x8 256
wrn_16_1           180916    928    26.66  16x32x32 16x32x32 32x16x16 64x8x8 64
wrn_16_2           703284    1824   101.12 16x32x32 32x32x32 64x16x16 128x8x8 128
wrn_40_1           569780    2720   83.29  16x32x32 16x32x32 32x16x16 64x8x8 64
wrn_40_2           2255156   5408   327.61 16x32x32 32x32x32 64x16x16 128x8x8 128
vgg8               3965028   2944   96.19  64x32x32 128x16x16 256x8x8 512x4x4 512x4x4 512
vgg11              9277284   5504   209.44 64x32x32 128x16x16 256x8x8 512x4x4 512x4x4 512
vgg13              9462180   5888   284.94 64x32x32 128x16x16 256x8x8 512x4x4 512x4x4 512
vgg16              14774436  8448   398.18 64x32x32 128x16x16 256x8x8 512x4x4 512x4x4 512
vgg19              20086692  11008  511.43 64x32x32 128x16x16 256x8x8 512x4x4 512x4x4 512
mobilenet_v2       2353060   34176  22.38  32x16x16 24x16x16 32x8x8 96x4x4 320x2x2 1280
shufflenet_v1      949258    23736  38.69  24x32x32 240x16x16 480x8x8 960x4x4 960
shufflenet_v2      1355528   16180  44.50  24x32x32 116x16x16 232x8x8 464x4x4 1024
resnet18_cifar     11220132  9600   555.47 64x32x32 64x32x32 128x16x16 256x8x8 512x4x4 512
resnet34_cifar     21328292  17024  1159.45 64x32x32 64x32x32 128x16x16 256x8x8 512x4x4 512
resnet50_cifar     23705252  53120  1298.01 64x32x32 256x32x32 512x16x16 1024x8x8 2048x4x4 2048
mobilenet_v2_half  812836    18368  6.52   16x16x16 12x16x16 16x8x8 48x4x4 160x2x2 1280
wrn_16_2_ffsd      704420    1824   129.43 16x32x32 32x32x32 64x16x16 128x8x8 128
wrn_16_2_switokd   704420    1824   129.43 16x32x32 32x32x32 64x16x16 128x8x8 128
wrn_40_2_ffsd      2258084   5408   355.92 16x32x32 32x32x32 64x16x16 128x8x8 128
wrn_16_10_switokd  17179940  8992   3120.02 16x32x32 160x32x32 320x16x16 640x8x8 640
densenet_40_12     1100428   18720  282.96 24x32x32 168x32x32 312x16x16 456x8x8 456
googlenet          6258500   15808  1521.85 192x32x32 480x32x32 832x16x16 1024x8x8 1024
mobilenet_v1       3309476   21888  46.45  32x32x32 128x16x16 256x8x8 512x4x4 1024x2x2 1024
`;

for (const line of table.trim().split("\n")) {
  const [name, parameters, buffers, millions, ...taps] = line.split(/ +/) as [string, string, string, string];
  Deno.test(`${name} has the parameters, running statistics, multiply-adds and maps of its PyTorch class`, () => {
    const arch = archs[name]!;
    const summary = summarize(arch, { input: [3, 32, 32], classes: 100 });
    assertEquals(summary.parameters, Number(parameters));
    assertEquals(summary.buffers, Number(buffers));
    assertEquals((summary.multiplyAdds / 1e6).toFixed(2), millions);
    assertEquals(["stem", ...arch.spots, "embedding"].map((spot) => summary.shapes[spot]!.join("x")), taps);
  });
}

/** The same on other images and classes: image size, classes, parameters, multiply-adds in millions where known, spots. */
const others = `
resnet20                      32  10   272474
resnet32                      32  10   466906
resnet56                      32  10   855770
resnet20_a                    32  10   269722
wrn_16_8_switokd              32  10   10965866  2001.13
wrn_16_1_switokd              32  10   175626    33.74
resnet20                      64  200  284824    -        16x64x64 32x32x32 64x16x16
resnet56                      64  200  868120
resnet110                     64  200  1743064
resnet20_a                    64  200  282072
wrn_16_2                      64  200  716184    -        32x64x64 64x32x32 128x16x16
wrn_40_2                      64  200  2268056
vgg8                          64  200  4016328   -        128x32x32 256x16x16 512x8x8 512x4x4
vgg13                         64  200  9513480   -        128x32x32 256x16x16 512x8x8 512x4x4
mobilenet_v2                  64  200  2481160   -        24x32x32 32x16x16 96x8x8 320x4x4
mobilenet_v2_torchvision_1_4  64  200  4674376   47.74
resnet34_cifar                64  200  21379592  4637.69
resnet10_imagenet             224 1000 5418792   889.2
resnet18_imagenet             224 1000 11689512  1814.1   64x56x56 128x28x28 256x14x14 512x7x7
resnet34_imagenet             224 1000 21797672  3663.8   64x56x56 128x28x28 256x14x14 512x7x7
resnet50_imagenet             224 1000 25557032  4089.2
mobilenet_v2_torchvision      224 1000 3504872   300.8
`;

for (const line of others.trim().split("\n")) {
  const [name, size, classes, parameters, millions = "-", ...taps] = line.trim().split(/ +/) as [
    string,
    string,
    string,
    string,
  ];
  Deno.test(`${name} has the parameters of its PyTorch class on ${size} pixels with ${classes} classes`, () => {
    const arch = archs[name]!;
    const summary = summarize(arch, { input: [3, Number(size), Number(size)], classes: Number(classes) });
    assertEquals(summary.parameters, Number(parameters));
    const digits = millions.split(".")[1]?.length ?? 0;
    if (millions !== "-") assertEquals((summary.multiplyAdds / 1e6).toFixed(digits), millions);
    if (taps.length > 0) assertEquals(arch.spots.map((spot) => summary.shapes[spot]!.join("x")), taps);
  });
}
