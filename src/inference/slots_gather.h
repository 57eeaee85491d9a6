// The first stage's input, which the client arranges: any feature in any slot, any number of times ("im2col").
// Private to src/inference.
#pragma once

#include "inference/network.h"

#include <cstdint>
#include <vector>

namespace einfer::inference {

/// A matrix's rows in groups; a group's rows read the same features.
struct RowGroups {
    struct Group {
        std::vector<std::size_t> rows;
        std::vector<std::int32_t> support;  ///< the features, in order
    };
    std::vector<Group> groups;

    /// Each with 2^bits rows at most.
    [[nodiscard]] RowGroups split(int bits) const;
    [[nodiscard]] std::size_t largest_support() const;
};

/// Rows whose entries are not zero in the same columns are a group (a convolution's output channels at one place);
/// unless `by_support`: all are one.
[[nodiscard]] RowGroups group_rows(const Matrix& matrix, bool by_support);

/// Of the smallest power of two that is at least `count`.
[[nodiscard]] int bits_for(std::size_t count);

}  // namespace einfer::inference
