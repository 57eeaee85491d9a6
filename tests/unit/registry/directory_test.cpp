// A directory of entries: all of them, or none.
#include "registry/registry.h"

#include "support/models.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <stdexcept>

namespace einfer::test {
namespace {

namespace fs = std::filesystem;

std::optional<protocol::ModelFault> proved(const registry::Model&) { return std::nullopt; }

class RegistryDirectory : public testing::Test {
protected:
    [[nodiscard]] registry::LoadResult load() const { return registry::load(directory.path(), proved); }
    [[nodiscard]] std::string fault() const {
        const auto loaded = load();
        return loaded ? "none" : loaded.error().to_string();
    }
    void add(const std::string& file, const std::string& text) const { write_file(directory.path() / file, text); }
    static std::string named(const std::string& model_id, const std::string& version = "1.0.0") {
        return with(with(small_entry, "/model_id", '"' + model_id + '"'), "/version", '"' + version + '"');
    }

    TemporaryDirectory directory;
};

TEST_F(RegistryDirectory, ModelsAreSortedWhateverTheFilesAreCalled) {
    add("1.json", named("zeta"));
    add("a file with spaces.json", named("alpha", "2.0.0"));
    add("z.json", named("alpha", "1.0.0"));
    add(".hidden.json", named("beta"));
    const auto loaded = load();
    ASSERT_TRUE(loaded) << loaded.error().to_string();
    std::string order;
    for (const registry::Model& model : loaded->columns)
        order += model.description.model_id + ' ' + model.description.version + ',';
    EXPECT_EQ(order, "alpha 1.0.0,alpha 2.0.0,beta 1.0.0,zeta 1.0.0,");
}

TEST_F(RegistryDirectory, OnlyJsonFilesDirectlyInItCount) {
    add("model.json", named("one"));
    add("model.json.bak", "{");
    add("README.md", "{");
    add("model.JSON", "{");
    add("json", "{");
    fs::create_directory(directory.path() / "more");
    add("more/bad.json", "{");
    const auto loaded = load();
    ASSERT_TRUE(loaded) << loaded.error().to_string();
    EXPECT_EQ(loaded->columns.size(), 1u);
}

TEST_F(RegistryDirectory, OneBadFileStopsTheLoad) {
    add("a.json", named("one"));
    add("b.json", with(small_entry, "/parameters/weights/0", "1e400"));
    add("c.json", named("two"));
    EXPECT_EQ(fault(), "b.json: semantic fault at /parameters/weights: must be finite");
    add("a.json", "{");
    EXPECT_EQ(fault(), "a.json: schema fault: the body is not one well-formed JSON document (byte 1)");
    add("a.json", with(small_entry, "/version", "1"));
    EXPECT_EQ(fault(), "a.json: schema fault at /version: breaks the rule \"type\" of its schema");
}

TEST_F(RegistryDirectory, ThePlannersRefusalStopsTheLoad) {
    add("a.json", named("one"));
    add("b c.json", named("two"));
    const auto loaded = registry::load(directory.path(), [](const registry::Model& model) {
        return model.description.model_id == "two" ? std::optional(protocol::ModelFault{"/tolerance", "too small"})
                                                   : std::nullopt;
    });
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().to_string(), "b c.json: semantic fault at /tolerance: too small");
}

TEST_F(RegistryDirectory, DuplicatesNameBothFiles) {
    add("a.json", named("one", "1.0.0"));
    add("b.json", named("one", "1.0.1"));
    EXPECT_EQ(fault(), "none") << "another version is another model";
    add("c.json", named("one", "1.0.0"));
    EXPECT_EQ(fault(), "c.json: semantic fault at /model_id: one 1.0.0 is already defined by a.json");
}

TEST_F(RegistryDirectory, EmptyOrAbsent) {
    EXPECT_EQ(fault(), "semantic fault: the models directory holds no *.json file");
    add("notes.txt", "none yet");
    EXPECT_EQ(fault(), "semantic fault: the models directory holds no *.json file");
    const auto absent = registry::load(directory.path() / "absent", proved);
    ASSERT_FALSE(absent);
    EXPECT_EQ(absent.error().to_string(), "schema fault: the models directory cannot be read");
    const auto file = registry::load(directory.path() / "notes.txt", proved);
    ASSERT_FALSE(file);
    EXPECT_EQ(file.error().to_string(), "schema fault: the models directory cannot be read");
}

TEST_F(RegistryDirectory, WhatCannotBeReadIsAFaultAndNotSkipped) {
    add("a.json", named("one"));
    fs::create_directory(directory.path() / "b.json");
    EXPECT_EQ(fault(), "b.json: schema fault: the file cannot be read");
    fs::remove(directory.path() / "b.json");
    fs::create_symlink(directory.path() / "absent", directory.path() / "c.json");
    EXPECT_EQ(fault(), "c.json: schema fault: the file cannot be read");
    fs::remove(directory.path() / "c.json");
    fs::create_symlink(directory.path() / "d.json", directory.path() / "d.json");
    EXPECT_EQ(fault(), "d.json: schema fault: the file cannot be read");
    fs::remove(directory.path() / "d.json");
    ASSERT_EQ(mkfifo((directory.path() / "p.json").c_str(), 0600), 0);
    EXPECT_EQ(fault(), "p.json: schema fault: the file cannot be read") << "and no waiting for a writer";
    fs::remove(directory.path() / "p.json");
    add("e.json", "");
    EXPECT_EQ(fault().substr(0, 21), "e.json: schema fault:");
}

TEST_F(RegistryDirectory, AFileIsBoundedBeforeItIsRead) {
    add("a.json", named("one"));
    fs::resize_file(directory.path() / "a.json", (16u << 20) + 1);
    EXPECT_EQ(fault(), "a.json: schema fault: the file is larger than 16 MiB");
}

TEST_F(RegistryDirectory, SymbolicLinksToFilesAreFollowed) {
    add("target", named("one"));
    fs::create_symlink("target", directory.path() / "a.json");
    EXPECT_EQ(fault(), "none");
}

TEST_F(RegistryDirectory, ValueOfAFailureThrowsTheMessage) {
    try {
        static_cast<void>(load().value());
        FAIL() << "no exception";
    } catch (const std::runtime_error& thrown) {
        EXPECT_STREQ(thrown.what(), "semantic fault: the models directory holds no *.json file");
    }
}

TEST(ShippedModels, LoadAsTheContractHasThem) {
    const auto loaded = registry::load(source_dir / "models", proved);
    ASSERT_TRUE(loaded) << loaded.error().to_string();
    bool found = false;
    for (const registry::Model& model : loaded->columns) {
        EXPECT_EQ(model.input_bounds.size(), model.description.input_dimension);
        if (model.description.model_id != "logistic_v1") continue;
        found = true;
        const protocol::ModelDescription& reference = model.description;
        EXPECT_EQ(reference.version, "1.0.0");
        EXPECT_EQ(reference.encryption.poly_modulus_degree, 16384u);
        EXPECT_EQ(reference.encryption.coeff_modulus_bits, (std::vector<int>{60, 30, 30, 60}));
        EXPECT_EQ(reference.encryption.scale, 0x1p30);
        EXPECT_EQ(reference.encryption.max_multiplicative_depth, 2);
        EXPECT_EQ(reference.weights, (std::vector<double>{0.15, -0.08, 0.11, 0.07, -0.12, 0.09, 0.05, -0.04}));
        EXPECT_EQ(reference.bias, -0.02);
        EXPECT_EQ(reference.coefficients, (std::array<double, 3>{0.5, 0.197, 0.0}));
        EXPECT_EQ(reference.max_batch_size, 16u);
    }
    EXPECT_TRUE(found);
}

}  // namespace
}  // namespace einfer::test
