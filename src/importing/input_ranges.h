// The ranges that clients are held to. A linear model answers within its error bound for all inputs inside them, a
// network for those like the calibration rows.
#pragma once

#include "base/error.h"
#include "inference/network.h"

#include <optional>
#include <span>
#include <vector>

namespace einfer::importing {

struct Range {
    double lower = 0, upper = 0;
};

struct InputRanges {
    std::vector<double> lower, upper;  ///< one a feature
    bool common = false;               ///< they are all the same
};

/// From rows of inputs, at least one, each of input.size() finite numbers. `given`: that one for all.
///
/// One range for all, from the smallest number to the largest, when the input is an image, when features have
/// half-widths within a factor 16 of one another, or when they look like an image's pixels: all begin at the same
/// number, and a quarter of them ends at the same one. Else one a feature, widened by half its width to each side;
/// features that are constant take the median width, large
/// ones at least 10^-9 of their size. Bounds are rounded outwards to three digits of their width.
///
/// SCHEMA_VIOLATION with details `field` and `reason` when a row is outside of `given`, or all numbers are the same.
[[nodiscard]] Result<InputRanges> choose_ranges(const inference::Shape& input,
                                                std::span<const std::vector<double>> rows, std::optional<Range> given);

/// Whether every number of `row` is inside.
[[nodiscard]] bool contains(const std::vector<double>& lower, const std::vector<double>& upper,
                            std::span<const double> row);

}  // namespace einfer::importing
