// Why a registry is not loaded.
#pragma once

#include <boost/assert/source_location.hpp>

#include <string>

namespace einfer::registry {

/// Why a start stops.
struct Fault {
    std::string file;      ///< name inside the directory; empty: the directory itself
    std::string category;  ///< "schema" or "semantic"
    std::string field;     ///< JSON pointer, or empty
    std::string reason;

    /// "models/x.json: semantic fault at /parameters/weights: …"
    [[nodiscard]] std::string to_string() const;
};

[[noreturn]] void throw_exception_from_error(const Fault& fault, const boost::source_location&);

}  // namespace einfer::registry
