// A disk that cannot be read at the moment costs nobody his keys; one that is slow keeps nobody waiting who does not
// need it.
#include "unit/keystore/support.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <thread>

namespace {

/// Called with each path that is looked at.
std::function<void(std::string_view)> on_stat;

}  // namespace

// Takes the C library's place in this program.
extern "C" int stat(const char* path, struct stat* status) noexcept {
    if (on_stat) on_stat(path);
    return ::fstatat(AT_FDCWD, path, status, 0);
}

namespace einfer::test {
namespace {

class KeyStoreDisk : public KeyStoreTest {
protected:
    /// Something else in the place of the only file of keys.
    class Replaced {
    public:
        Replaced(const std::filesystem::path& file, const std::filesystem::path& by)
            : file_(file), aside_(file.string() + ".aside") {
            std::filesystem::rename(file_, aside_);
            std::filesystem::create_symlink(by, file_);
        }
        ~Replaced() { std::filesystem::rename(aside_, file_); }

    private:
        const std::filesystem::path file_, aside_;
    };
    [[nodiscard]] std::filesystem::path only_file() const { return path() / *files().begin(); }
    /// It can be opened, but to read where nothing is mapped is EIO.
    static constexpr const char* unreadable = "/proc/self/mem";
};

TEST_F(KeyStoreDisk, ReadingThatFailsIsNoDamage) {
    const auto store = open();
    const std::string id = put(*store, "alice", 1)->key.id;
    {
        const Replaced replaced(only_file(), unreadable);
        EXPECT_EQ(code_of(content(*store, id, "alice")), "OVERLOADED");
    }
    EXPECT_EQ(reports, std::vector<std::string>{"a file of evaluation keys cannot be read (errno 5)"});
    EXPECT_EQ(content(*store, id, "alice").value(), key_file(*small_header(), 1));
}

TEST_F(KeyStoreDisk, WithoutDescriptorsKeysStay) {
    const auto store = open();
    const std::string id = put(*store, "alice", 1)->key.id;
    rlimit had{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &had), 0);
    const rlimit none{0, had.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    const auto opened = store->open_keys(id, "alice");
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &had), 0);
    EXPECT_EQ(code_of(opened), "OVERLOADED");
    EXPECT_EQ(code_of(content(*store, id, "alice")), "OK");
}

TEST_F(KeyStoreDisk, AStartThatCannotLookAtAFileForgetsNothing) {
    std::string id;
    {
        const auto store = open();
        id = put(*store, "alice", 1)->key.id;
    }
    const auto file = only_file();
    const Replaced replaced(file, file.filename());  // a link to itself: ELOOP
    const auto store = open();
    EXPECT_EQ(store->usage().keys, 1u);
    EXPECT_EQ(store->usage().bytes, key_file(*small_header(), 1).size());
    EXPECT_EQ(code_of(store->open_keys(id, "alice")), "OVERLOADED");
    EXPECT_TRUE(std::filesystem::is_symlink(file)) << "is not what an upload has left";
}

TEST_F(KeyStoreDisk, AFileThatIsLookedAtKeepsNobodyWaiting) {
    const auto store = open();
    const std::string id = put(*store, "alice", 1)->key.id;
    const std::string file = only_file();
    std::promise<void> looking, go_on;
    on_stat = [&, looked_at = 0](std::string_view path) mutable {
        if (path != file || looked_at++ > 0) return;
        looking.set_value();
        go_on.get_future().wait();
    };
    std::jthread upload([&] { EXPECT_FALSE(put(*store, "alice", 1)->added); });
    ASSERT_EQ(looking.get_future().wait_for(patience), std::future_status::ready);
    std::future<void> others = std::async(std::launch::async, [&] {
        EXPECT_EQ(code_of(store->use(id, "alice")), "OK");
        EXPECT_EQ(code_of(store->find(id, "bob")), "UNKNOWN_KEY");
        EXPECT_EQ(code_of(content(*store, id, "alice")), "OK");
    });
    EXPECT_EQ(others.wait_for(patience), std::future_status::ready);
    go_on.set_value();
    upload.join();
    on_stat = nullptr;
}

}  // namespace
}  // namespace einfer::test
