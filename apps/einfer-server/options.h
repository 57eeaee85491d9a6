// Command line, environment and config file of einfer-server.
#pragma once

#include "server/http/options.h"
#include "server/inference_service.h"
#include "server/log.h"
#include "tenants/tenants.h"

#include <filesystem>
#include <optional>
#include <variant>

namespace einfer::server_app {

struct Options {
    std::filesystem::path models;
    server::ServiceOptions service;
    server::http::HttpOptions http;
    tenants::TenantOptions tenants;
    std::filesystem::path audit_log;  ///< empty: none
    server::LogLevel log_level = server::LogLevel::Info;
    server::LogFormat log_format = server::LogFormat::Text;
    bool check = false;        ///< only check the models
    bool new_api_key = false;  ///< only make an API key
};

/// The options, or the exit code when there is nothing to run (help, version, a usage error: 2).
[[nodiscard]] std::variant<Options, int> parse_options(int argc, char** argv);

}  // namespace einfer::server_app
