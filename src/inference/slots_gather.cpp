#include "inference/slots_gather.h"

#include <algorithm>
#include <bit>
#include <map>
#include <numeric>

namespace einfer::inference {

RowGroups RowGroups::split(int bits) const {
    const std::size_t most = std::size_t{1} << bits;
    RowGroups parts;
    for (const Group& group : groups)
        for (std::size_t from = 0; from < group.rows.size(); from += most) {
            const auto first = group.rows.begin() + static_cast<std::ptrdiff_t>(from);
            const auto count = static_cast<std::ptrdiff_t>(std::min(most, group.rows.size() - from));
            parts.groups.push_back({{first, first + count}, group.support});
        }
    return parts;
}

std::size_t RowGroups::largest_support() const {
    std::size_t largest = 1;
    for (const Group& group : groups) largest = std::max(largest, group.support.size());
    return largest;
}

RowGroups group_rows(const Matrix& matrix, bool by_support) {
    RowGroups grouped;
    if (!by_support) {
        RowGroups::Group all;
        all.rows.resize(matrix.rows);
        std::iota(all.rows.begin(), all.rows.end(), std::size_t{0});
        for (std::size_t column = 0; column < matrix.columns; ++column)
            for (std::size_t row = 0; row < matrix.rows; ++row)
                if (matrix.at(row, column) != 0) {
                    all.support.push_back(static_cast<std::int32_t>(column));
                    break;
                }
        grouped.groups.push_back(std::move(all));
        return grouped;
    }
    std::map<std::vector<std::int32_t>, std::size_t> known;
    for (std::size_t row = 0; row < matrix.rows; ++row) {
        std::vector<std::int32_t> support;
        for (std::size_t column = 0; column < matrix.columns; ++column)
            if (matrix.at(row, column) != 0) support.push_back(static_cast<std::int32_t>(column));
        const auto [found, is_new] = known.emplace(support, grouped.groups.size());
        if (is_new) grouped.groups.push_back({{}, std::move(support)});
        grouped.groups[found->second].rows.push_back(row);
    }
    return grouped;
}

int bits_for(std::size_t count) { return static_cast<int>(std::bit_width(count - 1)); }

}  // namespace einfer::inference
