// The bytes of one run, taken apart: a few choose how it goes, the rest is what the decoder gets.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <string_view>

namespace einfer::fuzz {

class Input {
public:
    Input(const std::uint8_t* data, std::size_t size) : rest_(data, size) {}

    /// The next byte; 0 behind the end.
    std::uint8_t byte() {
        if (rest_.empty()) return 0;
        const std::uint8_t first = rest_.front();
        rest_ = rest_.subspan(1);
        return first;
    }
    std::span<const std::uint8_t> take(std::size_t count) {
        const auto taken = rest_.first(std::min(count, rest_.size()));
        rest_ = rest_.subspan(taken.size());
        return taken;
    }
    [[nodiscard]] std::span<const std::uint8_t> rest() const { return rest_; }
    [[nodiscard]] std::string_view text() const { return {reinterpret_cast<const char*>(rest_.data()), rest_.size()}; }

private:
    std::span<const std::uint8_t> rest_;
};

/// `text` with what stands between its first two NUL bytes, which no JSON text holds, repeated 4^`power` times: limits
/// are reached by inputs of a few bytes.
[[nodiscard]] inline std::string repeated(std::string_view text, unsigned power) {
    constexpr std::size_t most = 1u << 20;
    const std::size_t begin = text.find('\0');
    const std::size_t end = begin == std::string_view::npos ? begin : text.find('\0', begin + 1);
    if (end == std::string_view::npos) return std::string(text);
    const std::string_view part = text.substr(begin + 1, end - begin - 1);
    std::string made(text.substr(0, begin));
    for (std::size_t left = std::size_t{1} << 2 * (power % 10); left > 0 && made.size() < most; --left) made += part;
    return made += text.substr(end + 1);
}

/// Feeds `all` to `feed` in pieces whose sizes follow from `choice` alone: bytes, or random up to 16, 300 or 5000.
template <class Sequence, class Feed>
void feed_in_chunks(Sequence all, std::uint8_t choice, Feed feed) {
    constexpr std::size_t largest[] = {1, 16, 300, 5000};
    const bool bytes = choice % 4 == 0 && all.size() < 4096;
    std::minstd_rand random(choice + 1u);
    std::uniform_int_distribution<std::size_t> size(0, largest[std::max(choice % 4, 1)]);
    for (std::size_t from = 0; from < all.size();) {
        const std::size_t count = std::min(bytes ? 1 : size(random), all.size() - from);
        if constexpr (requires { all.subspan(from, count); })
            feed(all.subspan(from, count));
        else
            feed(all.substr(from, count));
        from += count;
    }
}

}  // namespace einfer::fuzz
