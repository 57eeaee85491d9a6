// The listening socket and its threads.
#pragma once

#include "base/error.h"
#include "server/audit_log.h"
#include "server/http/options.h"
#include "server/inference_service.h"
#include "tenants/tenants.h"

#include <memory>
#include <string>

namespace einfer::server::http {

class HttpServer {
public:
    /// All that is referred to outlives the server.
    HttpServer(InferenceService& service, tenants::Tenants& tenants, AuditLog& audit, HttpOptions options);
    ~HttpServer();

    /// Binds and starts serving; the URL that it serves, or INTERNAL with the system's reason in the message.
    Result<std::string> start();

    /// New connections use the certificate that is in the files now. As Tls::load().
    Result<void> reload_certificate();

    /// Of requests and connections, since the start.
    [[nodiscard]] std::uint64_t endings() const;

    /// Graceful: new work is refused with SHUTTING_DOWN, requests under way are answered for at most `shutdown_grace`,
    /// then everything is closed and the threads are joined. Idempotent.
    void stop();

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace einfer::server::http
