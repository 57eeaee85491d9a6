#include "keystore/key_store.h"

#include "base/ids.h"
#include "keystore/file_reading.h"
#include "keystore/file_upload.h"
#include "keystore/key_index.h"
#include "keystore/known_keys.h"
#include "keystore/task_thread.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <set>
#include <utility>

namespace einfer::keystore {
namespace {

constexpr std::string_view index_file = "index.sqlite3";

Error shutting_down() { return {ErrorCode::ShuttingDown, "the server is shutting down"}; }
Error no_memory() { return {ErrorCode::Overloaded, "out of memory"}; }  // so short that it takes none

/// Calls a listener. When it has no memory to tell anybody, it is given an error that takes none.
template <class T>
void tell(const std::function<void(Result<T>)>& done, Result<T> result) noexcept {
    try {
        return done(std::move(result));
    } catch (...) {
    }
    try {
        done(no_memory());
    } catch (...) {
        // Twice in a row: nobody can be told.
    }
}

}  // namespace

bool is_key_id(std::string_view text) {
    return text.size() == 64 &&
           std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// `disk_` is held over all that changes files and index, for as long as the disk takes, and not while keys are looked
// up. What is known in memory changes after the disk has.
class KeyStore::Impl {
public:
    Impl(storage::DataDirectory directory, std::unique_ptr<KeyIndex> index, const StoreOptions& options,
         const Clock& clock)
        : report_to_(options.report),
          clock_(clock),
          directory_(std::move(directory)),
          index_(std::move(index)),
          space_{.directory = directory_.path(), .arrivals = Arrivals(options.max_bytes), .report = options.report},
          known_(options, clock) {}

    Result<void> load() {
        auto rows = index_->rows();
        if (!rows) return rows.error();
        std::set<std::string> files;
        std::vector<IndexRow> gone;
        for (IndexRow& row : *rows) {
            if (!row.expired_at) {
                if (!row.header || is_lost(check_length(directory_.path() / row.file, row.bytes))) {
                    report("a file of evaluation keys is missing or cut off: they are forgotten");
                    gone.push_back(std::move(row));
                    continue;
                }
                files.insert(row.file);
                space_.stored += row.bytes;
            }
            known_.recover(std::move(row));
        }
        if (!gone.empty() && !index_->remove(gone)) report(index_->diagnostic());
        remove_orphans(files);
        thread_.start();
        return {};
    }

    Result<std::unique_ptr<Upload>> begin(std::string tenant, Quota quota) {
        auto upload = std::make_unique<FileUpload>(space_, std::move(tenant), quota);
        if (const auto fault = upload->begin()) return wire::to_error(*fault);
        return std::unique_ptr<Upload>(std::move(upload));
    }

    void store(std::unique_ptr<Upload> upload, std::shared_ptr<const wire::KeyFileHeader> header,
               std::function<void(Result<Stored>)> done) {
        std::shared_ptr<Upload> shared(std::move(upload));
        const bool queued = thread_.post([this, shared = std::move(shared), header, done]() mutable {
            auto result = guarded([&]() -> Result<Stored> { return keep(static_cast<FileUpload&>(*shared), header); });
            shared.reset();  // nothing is left of it when its owner is told
            tell(done, std::move(result));
        });
        if (!queued) done(shutting_down());
    }

    void erase(std::string id, std::string tenant, std::function<void(Result<void>)> done) {
        const bool queued = thread_.post([this, id = std::move(id), tenant = std::move(tenant), done] {
            tell(done, guarded([&] { return erase_now(id, tenant); }));
        });
        if (!queued) done(shutting_down());
    }

    Result<std::unique_ptr<Reading>> open_keys(std::string_view id, std::string_view tenant) {
        const auto row = known_.row(id, tenant);
        if (!row) return row.error();
        return FileReading::open(directory_.path() / row->file, row->bytes, row->id, report_to_);
    }

    void discard(std::string_view id, std::string_view tenant) {
        report("a file of evaluation keys is damaged: they are forgotten");
        const std::scoped_lock disk(disk_);
        const auto row = known_.any_row(id, tenant);
        if (!row || row->expired_at) return;
        // Without the disk's consent they are forgotten until the next start, which finds them damaged again.
        if (!index_->remove(std::span(&*row, 1))) report(index_->diagnostic());
        forget(*row);
    }

    void look_after() {
        const std::scoped_lock disk(disk_);
        const KnownKeys::Due due = known_.due(clock_());
        if (!due.expired.empty() && written(index_->bury(due.expired)))
            for (const IndexRow& row : due.expired) {
                known_.bury(row);
                drop_file(row);
            }
        if (!due.forgotten.empty() && written(index_->remove(due.forgotten)))
            for (const IndexRow& row : due.forgotten) forget(row);
        if (!due.used.empty() && written(index_->touch(due.used)))
            for (const IndexRow& row : due.used) known_.written(row);
    }

    Usage usage() const {
        Usage usage{.bytes = space_.stored, .arriving = space_.arrivals.all()};
        known_.count(usage);
        return usage;
    }

    KnownKeys& known() { return known_; }
    void stop() { thread_.stop(); }

private:
    void report(std::string_view text) const {
        if (report_to_) report_to_(text);
    }
    bool written(const Result<void>& result) const {
        if (!result) report(index_->diagnostic());
        return result.has_value();
    }

    /// Whatever goes wrong, somebody waits for the answer.
    template <class Act>
    static std::invoke_result_t<Act> guarded(Act act) noexcept try {
        return act();
    } catch (...) {
        return no_memory();
    }

    Result<Stored> keep(FileUpload& upload, const std::shared_ptr<const wire::KeyFileHeader>& header) {
        if (const int fault = upload.file().sync(); fault != 0) return wire::to_error(space_.failure(fault));
        const std::scoped_lock disk(disk_);
        IndexRow row{.tenant = upload.tenant(),
                     .id = upload.digest(),
                     .file = random_id() + std::string(key_file_ending),
                     .bytes = upload.bytes(),
                     .used_at = clock_(),
                     .expired_at = std::nullopt,
                     .header = header};
        std::string replaced;
        std::uint64_t replaced_bytes = 0;
        bool is_counted = false;  // expired keys are not, though their file may still be there
        if (const auto had = known_.any_row(row.id, row.tenant); had && !had->expired_at) {
            replaced = had->file;
            replaced_bytes = had->bytes;
            is_counted = known_.find(row.id, row.tenant).has_value();
        }
        const bool is_there = !replaced.empty() && check_length(directory_.path() / replaced, replaced_bytes) == 0;
        if (!is_there || !is_counted)
            if (const auto room = known_.check_quota(row, upload.quota(), is_counted ? replaced_bytes : 0); !room)
                return room.error();
        if (is_there) return Stored{known_.renew(row), false};
        auto place = known_.make_place(row);
        if (const int fault = upload.file().keep(row.file); fault != 0) return wire::to_error(space_.failure(fault));
        if (!directory_.sync()) {
            const int fault = errno;
            unlink(row.file);
            return wire::to_error(space_.failure(fault));
        }
        if (const auto put = index_->put(row); !written(put)) {
            unlink(row.file);
            return put.error();
        }
        Stored stored{known_.put(std::move(place)), true};
        space_.stored += row.bytes;
        space_.stored -= replaced_bytes;
        if (!replaced.empty()) unlink(replaced);
        return stored;
    }

    Result<void> erase_now(const std::string& id, const std::string& tenant) {
        const std::scoped_lock disk(disk_);
        const auto row = known_.any_row(id, tenant);
        if (!row) return unknown_key();
        if (auto removed = index_->remove(std::span(&*row, 1)); !written(removed)) return removed;
        forget(*row);
        return {};
    }

    void forget(const IndexRow& row) {
        known_.forget(row);
        drop_file(row);
    }

    void drop_file(const IndexRow& row) {
        if (row.file.empty()) return;
        space_.stored -= row.bytes;
        unlink(row.file);
    }

    void unlink(const std::string& file) const { ::unlink((directory_.path() / file).c_str()); }

    void remove_orphans(const std::set<std::string>& files) const {
        std::error_code ec;
        for (std::filesystem::directory_iterator at(directory_.path(), ec), end; !ec && at != end; at.increment(ec)) {
            const std::string name = at->path().filename().string();
            if ((name.ends_with(key_file_ending) && !files.contains(name)) || name.ends_with(unfinished_ending))
                unlink(name);
        }
    }

    const std::function<void(std::string_view)> report_to_;
    const Clock clock_;
    const storage::DataDirectory directory_;
    std::mutex disk_;
    const std::unique_ptr<KeyIndex> index_;  ///< under disk_
    UploadSpace space_;
    KnownKeys known_;
    TaskThread thread_;
};

KeyStore::KeyStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
KeyStore::~KeyStore() { stop(); }

Result<std::unique_ptr<KeyStore>> KeyStore::open(const std::filesystem::path& directory, StoreOptions options,
                                                 Clock clock) {
    auto opened = storage::DataDirectory::open(directory);
    if (!opened) return opened.error();
    const auto file = opened->file(index_file);
    if (!file) return file.error();
    auto index = KeyIndex::open(*file);
    if (!index) return index.error();
    auto impl = std::make_unique<Impl>(*std::move(opened), *std::move(index), options, clock);
    if (const auto loaded = impl->load(); !loaded) return loaded.error();
    return std::unique_ptr<KeyStore>(new KeyStore(std::move(impl)));
}

Result<std::unique_ptr<Upload>> KeyStore::begin(std::string tenant, Quota quota) {
    return impl_->begin(std::move(tenant), quota);
}
void KeyStore::store(std::unique_ptr<Upload> upload, std::shared_ptr<const wire::KeyFileHeader> header,
                     std::function<void(Result<Stored>)> done) {
    impl_->store(std::move(upload), std::move(header), std::move(done));
}
Result<KeyInfo> KeyStore::find(std::string_view id, std::string_view tenant) const {
    return impl_->known().find(id, tenant);
}
Result<KeyInfo> KeyStore::use(std::string_view id, std::string_view tenant) { return impl_->known().use(id, tenant); }
Result<std::unique_ptr<Reading>> KeyStore::open_keys(std::string_view id, std::string_view tenant) {
    return impl_->open_keys(id, tenant);
}
void KeyStore::discard(std::string_view id, std::string_view tenant) { impl_->discard(id, tenant); }
void KeyStore::erase(std::string id, std::string tenant, std::function<void(Result<void>)> done) {
    impl_->erase(std::move(id), std::move(tenant), std::move(done));
}
KeyStore::Usage KeyStore::usage() const { return impl_->usage(); }
void KeyStore::look_after() { impl_->look_after(); }
void KeyStore::stop() { impl_->stop(); }

}  // namespace einfer::keystore
