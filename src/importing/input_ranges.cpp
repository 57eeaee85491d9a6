#include "importing/input_ranges.h"

#include "importing/refusal.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace einfer::importing {
namespace {

constexpr double alike = 16;  ///< half-widths within this factor are one range's
constexpr double widening = 0.5;
constexpr double least_width = 1e-9;  ///< of a constant feature, of its size: what is added to it is not lost

/// The nearest multiple of `step` in that direction, as a short decimal number.
double rounded(double bound, double step, double (*towards)(double)) {
    const double multiple = towards(bound / step) * step;
    return std::strtod(text_of(multiple, 12).c_str(), nullptr);
}

/// `range` as short numbers that hold all of `met`, also where large numbers lie close together.
Range rounded_outwards(const Range& range, const Range& met) {
    const double width = range.upper - range.lower;
    const double step = std::pow(10.0, std::floor(std::log10(width)) - 2);
    return {std::min(rounded(range.lower, step, std::floor), met.lower),
            std::max(rounded(range.upper, step, std::ceil), met.upper)};
}

double median(std::vector<double> values) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::ranges::nth_element(values, middle);
    return *middle;
}

bool look_like_pixels(std::span<const Range> ranges) {
    if (ranges.size() < alike) return false;
    double largest = ranges.front().upper;
    for (const Range& range : ranges) {
        if (range.lower != ranges.front().lower) return false;
        largest = std::max(largest, range.upper);
    }
    return static_cast<std::size_t>(std::ranges::count(ranges, largest, &Range::upper)) >= ranges.size() / 4;
}

Result<InputRanges> all_the_same(const Range& range, std::span<const std::vector<double>> rows, std::size_t features) {
    InputRanges made{std::vector<double>(features, range.lower), std::vector<double>(features, range.upper), true};
    const double width = range.upper - range.lower;
    if (!(width > 0) || !std::isfinite(width) || !std::isfinite(2 / width))
        return refusal("--range", "needs two finite numbers, the lower one first");
    for (std::size_t i = 0; i < rows.size(); ++i)
        for (std::size_t feature = 0; feature < features; ++feature)
            if (!(rows[i][feature] >= range.lower && rows[i][feature] <= range.upper))
                return refusal("--range", "feature " + std::to_string(feature + 1) + " of calibration row " +
                                              std::to_string(i + 1) + " is " + text_of(rows[i][feature]) +
                                              ", outside of it");
    return made;
}

}  // namespace

Result<InputRanges> choose_ranges(const inference::Shape& input, std::span<const std::vector<double>> rows,
                                  std::optional<Range> given) {
    const std::size_t features = input.size();
    if (given) return all_the_same(*given, rows, features);
    std::vector<Range> ranges(features);
    Range all{rows.front().front(), rows.front().front()};
    std::vector<double> widths;
    for (std::size_t feature = 0; feature < features; ++feature) {
        Range& range = ranges[feature];
        range = {rows.front()[feature], rows.front()[feature]};
        for (const std::vector<double>& row : rows)
            range = {std::min(range.lower, row[feature]), std::max(range.upper, row[feature])};
        all = {std::min(all.lower, range.lower), std::max(all.upper, range.upper)};
        if (range.upper > range.lower) widths.push_back(range.upper - range.lower);
    }
    if (widths.empty())
        return refusal("--calibration",
                       "all its rows are the same: give rows as they will come, or the range (--range)");
    const auto [narrowest, widest] = std::ranges::minmax(widths);
    if (!std::isfinite(all.upper - all.lower) || !std::isfinite(2 / narrowest))
        return refusal("--calibration", "its numbers are too large, or too close together");
    if (input.height > 1 || input.width > 1 || widest <= alike * narrowest || look_like_pixels(ranges)) {
        const Range range = rounded_outwards(all, all);
        return InputRanges{std::vector<double>(features, range.lower), std::vector<double>(features, range.upper),
                           true};
    }
    InputRanges made;
    const double typical = median(widths);
    for (const Range& range : ranges) {
        double width = range.upper - range.lower;
        if (width == 0) width = std::max(typical, least_width * std::abs(range.lower));
        const double margin = width * widening;
        const Range wide = rounded_outwards({range.lower - margin, range.upper + margin}, range);
        made.lower.push_back(wide.lower);
        made.upper.push_back(wide.upper);
    }
    return made;
}

bool contains(const std::vector<double>& lower, const std::vector<double>& upper, std::span<const double> row) {
    for (std::size_t i = 0; i < row.size(); ++i)
        if (!(row[i] >= lower[i] && row[i] <= upper[i])) return false;
    return true;
}

}  // namespace einfer::importing
