// Files of a registry: read within bounds, written whole or not at all. Private to src/registry.
#pragma once

#include "base/error.h"
#include "registry/fault.h"

#include <boost/json/object.hpp>
#include <boost/system/result.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace einfer::registry {

/// The file's text, or why there is none.
struct Unreadable {
    std::string reason;
};
class FileText {
public:
    FileText(std::string text) : text_(std::move(text)) {}                     // NOLINT(google-explicit-constructor)
    FileText(Unreadable why) : failed_(true), text_(std::move(why.reason)) {}  // NOLINT(google-explicit-constructor)
    explicit operator bool() const { return !failed_; }
    const std::string& operator*() const { return text_; }
    const std::string* operator->() const { return &text_; }
    [[nodiscard]] const std::string& error() const { return text_; }

private:
    bool failed_ = false;
    std::string text_;
};
[[nodiscard]] FileText read_file(const std::filesystem::path& path, std::uintmax_t max_bytes);

/// In place of what was there, or the reason why not.
[[nodiscard]] std::optional<std::string> write_file(const std::filesystem::path& path, std::string_view text);

/// Text as JSON, within the registry's limits; `file` is for messages.
[[nodiscard]] boost::system::result<boost::json::value, Fault> parse_document(std::string_view text,
                                                                              const std::string& file);
/// A file as JSON, within the registry's limits.
[[nodiscard]] boost::system::result<boost::json::value, Fault> read_document(const std::filesystem::path& path);

/// Every *.json directly in `directory`, sorted; empty when it cannot be read, or holds none.
[[nodiscard]] std::vector<std::filesystem::path> entry_files(const std::filesystem::path& directory);

/// Weights of the model that no entry of `directory` names.
void remove_unnamed_weights(const std::filesystem::path& directory, std::string_view model_id);

/// JSON for people: members on their own lines, short arrays and objects on one.
[[nodiscard]] std::string pretty(const boost::json::object& object);

/// Of a document that broke its schema.
[[nodiscard]] Fault schema_fault(const std::string& file, const Error& error);

}  // namespace einfer::registry
