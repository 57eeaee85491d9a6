// The same bytes in different pieces: push parsers must not notice.
#pragma once

#include <algorithm>
#include <cstddef>
#include <random>
#include <string_view>

namespace einfer::test {

/// Feeds `text` in two pieces, cut behind `cut` bytes.
template <class Parser>
void feed_cut(Parser& parser, std::string_view text, std::size_t cut) {
    parser.feed(text.substr(0, cut));
    parser.feed(text.substr(cut));
}

/// Feeds `text` byte by byte.
template <class Parser>
void feed_bytes(Parser& parser, std::string_view text) {
    for (std::size_t i = 0; i < text.size(); ++i) parser.feed(text.substr(i, 1));
}

/// Feeds `text` in pieces of 0 to `largest` bytes.
template <class Parser>
void feed_random(Parser& parser, std::string_view text, std::mt19937_64& random, std::size_t largest) {
    std::uniform_int_distribution<std::size_t> size(0, largest);
    while (!text.empty()) {
        const std::size_t count = std::min(size(random), text.size());
        parser.feed(text.substr(0, count));
        text.remove_prefix(count);
    }
}

}  // namespace einfer::test
