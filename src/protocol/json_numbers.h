// Numbers in JSON documents. Private to src/protocol.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>

namespace einfer::protocol {

/// Integral values as integers: 1073741824, not 1.073741824E9.
[[nodiscard]] inline boost::json::value number(double value) {
    constexpr double exact = 9007199254740992.0;  // 2^53
    if (std::trunc(value) == value && std::abs(value) <= exact && !(value == 0 && std::signbit(value)))
        return static_cast<std::int64_t>(value);
    return value;
}

template <class Range>
[[nodiscard]] boost::json::array numbers(const Range& values) {
    boost::json::array array;
    for (const auto value : values) array.push_back(number(static_cast<double>(value)));
    return array;
}

[[nodiscard]] inline double to_double(const boost::json::value& value) { return value.to_number<double>(); }
[[nodiscard]] inline std::size_t to_size(const boost::json::value& value) { return value.to_number<std::size_t>(); }

}  // namespace einfer::protocol
