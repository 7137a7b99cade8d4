/**
 * `diversify()`: keeps peers from looking at the same places.
 *
 * @module
 */

import { neg } from "../expr.ts";
