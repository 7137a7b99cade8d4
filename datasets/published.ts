import type { Normalization, Transform } from "../dsl/data.ts";
import type { Preparation } from "./with_transforms.ts";

/**
 * How the released code of each paper prepares images: constants, and transforms in order. Its pixels are divided by
 * 255 first, as everywhere here. Give one to `withTransforms()`, or spread it into the options of a dataset.
 *
 * `sakd.cifar100` is RepDistiller's and mdistiller's too. Where two sources print a constant with other digits, each
 * keeps its own. (.2023, .1994, .2010) is the mean of the deviations of single images of CIFAR-10, not of all pixels.
 * None of them jitters colours, cuts out or mixes.
 *
 * Source: the repositories of FFSD, SwitOKD, SAKD, OKDDip, ONE, FFL and Knowledge-Distillation-Zoo.
 *
 * @example
 * ```ts
 * import { cifar100 } from "./cifar.ts";
 * import { published } from "./published.ts";
 * import { withTransforms } from "./with_transforms.ts";
 * const dataset = withTransforms(cifar100(), published.switokd.cifar100);
 * ```
 */
export const published: Published = frozen();

/** Preparations by paper and dataset. */
export interface Published {
  readonly ffsd: { readonly cifar100: Preparation; readonly imagenet: Preparation };
  readonly switokd: {
    readonly cifar10: Preparation;
    readonly cifar100: Preparation;
    readonly tinyImagenet: Preparation;
    readonly imagenet: Preparation;
  };
  readonly sakd: {
    readonly cifar10: Preparation;
    readonly cifar100: Preparation;
    readonly tinyImagenet: Preparation;
    readonly imagenet: Preparation;
  };
  readonly okddip: { readonly cifar10: Preparation; readonly cifar100: Preparation; readonly imagenet: Preparation };
  readonly one: { readonly cifar10: Preparation; readonly cifar100: Preparation };
  readonly ffl: { readonly cifar100: Preparation };
  readonly kdZoo: { readonly cifar100: Preparation };
}

function frozen(): Published {
  const flip: Transform = Object.freeze({ kind: "flip", probability: 0.5 });
  const zero: Transform = Object.freeze({ kind: "crop", pad: 4, mode: "zero" });
  const reflect: Transform = Object.freeze({ kind: "crop", pad: 4, mode: "reflect" });
  const perImage = [0.2023, 0.1994, 0.2010];
  const cifar10Mean = [0.4914, 0.4822, 0.4465];
  const ffsd100 = constants([0.5071, 0.4865, 0.4409], [0.2673, 0.2564, 0.2762]);
  const imagenet: Preparation = Object.freeze({
    normalization: constants([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    augment: Object.freeze([Object.freeze({ kind: "resizedCrop", size: 224 } as const), flip]),
    evaluation: Object.freeze([
      Object.freeze({ kind: "resize", size: 256 } as const),
      Object.freeze({ kind: "centerCrop", size: 224 } as const),
    ]),
    size: Object.freeze([224, 224] as const),
  });
  return Object.freeze({
    ffsd: Object.freeze({ cifar100: preparation(ffsd100, reflect, flip), imagenet }),
    switokd: Object.freeze({
      cifar10: preparation(constants([0.491, 0.482, 0.447], [0.247, 0.243, 0.262]), zero, flip),
      cifar100: preparation(constants([0.507, 0.487, 0.441], [0.267, 0.256, 0.276]), zero, flip),
      tinyImagenet: preparation(constants(cifar10Mean, perImage), zero, flip),
      imagenet,
    }),
    sakd: Object.freeze({
      cifar10: preparation(constants(cifar10Mean, perImage), zero, flip),
      cifar100: preparation(constants([0.5071, 0.4867, 0.4408], [0.2675, 0.2565, 0.2761]), zero, flip),
      tinyImagenet: preparation(constants(cifar10Mean, perImage), flip),
      imagenet,
    }),
    okddip: Object.freeze({
      cifar10: preparation(constants(cifar10Mean, [0.2470, 0.2435, 0.2616]), zero, flip),
      cifar100: preparation(ffsd100, zero, flip),
      imagenet,
    }),
    one: Object.freeze({
      cifar10: preparation(constants(cifar10Mean, perImage), zero, flip),
      cifar100: preparation(constants(cifar10Mean, perImage), zero, flip),
    }),
    ffl: Object.freeze({
      cifar100: preparation(
        constants([129.3, 124.1, 112.4].map(share), [68.2, 65.4, 70.4].map(share)),
        reflect,
        flip,
      ),
    }),
    kdZoo: Object.freeze({ cifar100: preparation(ffsd100, reflect, flip) }),
  });
}

function preparation(normalization: Normalization, ...augment: readonly Transform[]): Preparation {
  return Object.freeze({ normalization, augment: Object.freeze(augment) });
}

function constants(mean: readonly number[], std: readonly number[]): Normalization {
  return Object.freeze({ mean: Object.freeze([...mean]), std: Object.freeze([...std]) });
}

function share(level: number): number {
  return level / 255;
}
