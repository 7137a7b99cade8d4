import type { Normalization } from "../dsl/data.ts";

/** CIFAR-10's classes in label order, which is also the alphabet's. Source: Krizhevsky 2009. */
export const cifar10Classes: readonly string[] = Object.freeze(
  "airplane automobile bird cat deer dog frog horse ship truck".split(" "),
);

/** CIFAR-100's fine classes in label order. Source: Krizhevsky 2009, fine_label_names.txt. */
export const cifar100Classes: readonly string[] = Object.freeze(
  (
    "apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle " +
    "caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant " +
    "flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man " +
    "maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree " +
    "plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail " +
    "snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor train trout " +
    "tulip turtle wardrobe whale willow_tree wolf woman worm"
  ).split(" "),
);

/** CIFAR-10's constants. Source: OKDDip's released code (true pixel deviation, not the mean of the images'). */
export const cifar10Normalization: Normalization = Object.freeze({
  mean: Object.freeze([0.4914, 0.4822, 0.4465]),
  std: Object.freeze([0.2470, 0.2435, 0.2616]),
});

/** CIFAR-100's constants. Source: FFSD's released code. */
export const cifar100Normalization: Normalization = Object.freeze({
  mean: Object.freeze([0.5071, 0.4865, 0.4409]),
  std: Object.freeze([0.2673, 0.2564, 0.2762]),
});
