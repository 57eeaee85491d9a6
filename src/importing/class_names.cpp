#include "importing/class_names.h"

#include "importing/refusal.h"

#include <algorithm>

namespace einfer::importing {

Result<void> check_class_names(std::span<const std::string> names, std::size_t outputs) {
    const std::size_t wanted = outputs == 1 ? 2 : outputs;
    if (!names.empty() && names.size() != wanted)
        return refusal("--class-names", "needs " + std::to_string(wanted) + " names for this model, not " +
                                            std::to_string(names.size()));
    if (!std::ranges::all_of(names,
                             [](const std::string& each) { return !each.empty() && each.size() <= max_name_bytes; }))
        return refusal("--class-names", "has one that is empty or too long");
    return {};
}

}  // namespace einfer::importing
