#include "keys/transform_tables.h"

#include <atomic>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <utility>

namespace einfer::keys {
namespace {

/// Tables go with the last who holds them: a server that offers ever new parameters does not fill the client's memory.
class Registry {
public:
    SharedTables find(std::size_t degree, std::uint64_t prime) const {
        const std::shared_lock lock(mutex_);
        const auto found = tables_.find({degree, prime});
        return found == tables_.end() ? nullptr : found->second.lock();
    }

    void add(const SharedTables& tables) {
        const std::unique_lock lock(mutex_);
        std::erase_if(tables_, [](const auto& entry) { return entry.second.expired(); });
        tables_.insert_or_assign({tables->size(), tables->modulus().value()}, tables);
    }

private:
    mutable std::shared_mutex mutex_;
    std::map<std::pair<std::size_t, std::uint64_t>, std::weak_ptr<const kernels::NttTables>> tables_;
};

/// Never destroyed: a session may outlive static objects.
Registry& registry() {
    static Registry& only = *new Registry;
    return only;
}

std::atomic<std::uint64_t> transforms{0};

}  // namespace

std::vector<SharedTables> register_tables(const he::Context& context) {
    std::vector<SharedTables> held;
    for (const std::uint64_t prime : context.primes()) {
        SharedTables tables = find_tables(context.poly_modulus_degree(), prime);
        if (!tables) {
            auto made = kernels::NttTables::create(context.poly_modulus_degree(), kernels::Modulus(prime));
            if (!made) continue;
            tables = std::make_shared<const kernels::NttTables>(*std::move(made));
            registry().add(tables);
        }
        held.push_back(std::move(tables));
    }
    return held;
}

SharedTables find_tables(std::size_t degree, std::uint64_t prime) { return registry().find(degree, prime); }

std::uint64_t transforms_on_kernels() { return transforms.load(std::memory_order_relaxed); }
void count_transform() { transforms.fetch_add(1, std::memory_order_relaxed); }

}  // namespace einfer::keys
