#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "optimizer/support/atomic_file.h"
#include "optimizer/support/mapped_file.h"
#include "optimizer/support/sha256.h"
#include "tests/support/temporary_folder.h"

namespace permafrost {
namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAre;

// FIPS 180-4 examples.
TEST(Sha256, GivesTheKnownDigests) {
  Sha256 empty;
  EXPECT_EQ(empty.HexDigest(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  Sha256 in_pieces;
  in_pieces.Add("a");
  in_pieces.Add("bc");
  EXPECT_EQ(in_pieces.HexDigest(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(AtomicFile, PutsTheWholeFileInPlaceAndHashesIt) {
  const TemporaryFolder folder;
  auto file = AtomicFile::Create(folder.File("a"));
  ASSERT_TRUE(file.ok()) << file.status();
  const std::string megabytes(3'000'001, 'x');
  ASSERT_TRUE((*file)->Write(megabytes).ok());
  ASSERT_TRUE((*file)->Write("end").ok());
  ASSERT_TRUE((*file)->Finish().ok());
  EXPECT_EQ((*file)->size(), 3'000'004);
  ASSERT_TRUE((*file)->Rename().ok());
  EXPECT_EQ(folder.Read("a"), megabytes + "end");
  EXPECT_EQ((*file)->sha256(), *Sha256OfFile(folder.File("a")));
  EXPECT_THAT(folder.Names(), ElementsAre("a"));
}

TEST(AtomicFile, LeavesTheOldFileWhenItIsNotRenamed) {
  const TemporaryFolder folder;
  folder.Write("a", "old");
  {
    auto file = AtomicFile::Create(folder.File("a"));
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE((*file)->Write("new").ok());
    ASSERT_TRUE((*file)->Finish().ok());
  }
  EXPECT_EQ(folder.Read("a"), "old");
  EXPECT_THAT(folder.Names(), ElementsAre("a"));
}

std::unique_ptr<AtomicFile> Finished(const std::string& path, std::string_view bytes) {
  auto file = AtomicFile::Create(path);
  EXPECT_TRUE(file.ok() && (*file)->Write(bytes).ok() && (*file)->Finish().ok()) << file.status();
  return *std::move(file);
}

TEST(AtomicFile, PutsSeveralFilesInPlace) {
  const TemporaryFolder folder;
  folder.Write("a", "old a");
  {
    const auto a = Finished(folder.File("a"), "new a"), b = Finished(folder.File("b"), "new b");
    ASSERT_TRUE(AtomicFile::RenameAll({a.get(), b.get()}).ok());
  }
  EXPECT_EQ(folder.Read("a"), "new a");
  EXPECT_EQ(folder.Read("b"), "new b");
  EXPECT_THAT(folder.Names(), UnorderedElementsAre("a", "b"));
}

TEST(AtomicFile, PutsNoneOfSeveralFilesInPlaceWhenOneCannotBe) {
  const TemporaryFolder folder;
  folder.Write("a", "old a");
  {
    const auto a = Finished(folder.File("a"), "new a"), b = Finished(folder.File("b"), "new b"),
               c = Finished(folder.File("c"), "new c"), d = Finished(folder.File("d"), "new d");
    std::filesystem::create_directory(folder.File("c"));  // a file cannot take the name of a folder
    EXPECT_FALSE(AtomicFile::RenameAll({a.get(), b.get(), c.get(), d.get()}).ok());
  }
  EXPECT_EQ(folder.Read("a"), "old a");
  EXPECT_TRUE(std::filesystem::is_directory(folder.File("c")));
  EXPECT_THAT(folder.Names(), UnorderedElementsAre("a", "c"));
}

TEST(AtomicFile, FollowsASymbolicLinkAndRefusesFoldersAndDevices) {
  const TemporaryFolder folder;
  folder.Write("target", "old");
  std::filesystem::create_symlink("target", folder.File("link"));
  ASSERT_TRUE(WriteFileAtomically(folder.File("link"), "new").ok());
  EXPECT_TRUE(std::filesystem::is_symlink(folder.File("link")));
  EXPECT_EQ(folder.Read("target"), "new");
  EXPECT_FALSE(WriteFileAtomically(folder.path(), "x").ok());
  EXPECT_FALSE(WriteFileAtomically("/dev/null", "x").ok());
  EXPECT_FALSE(WriteFileAtomically(folder.File("no/such/folder"), "x").ok());
}

TEST(MappedFile, ReadsAgainWhatWasReleased) {
  const TemporaryFolder folder;
  const std::string bytes(100'000, 'y');
  const auto file = MappedFile::Open(folder.Write("a", bytes));
  ASSERT_TRUE(file.ok()) << file.status();
  (*file)->Release((*file)->bytes());
  (*file)->Release("not part of it");
  EXPECT_EQ((*file)->bytes(), bytes);
}

TEST(MappedFile, RefusesWhatCannotBeMapped) {
  const TemporaryFolder folder;
  for (const std::string& path : {folder.path(), folder.File("missing"), folder.Write("empty", ""), std::string("/dev/null")}) {
    const auto file = MappedFile::Open(path);
    ASSERT_FALSE(file.ok()) << path;
    EXPECT_THAT(Message(file.status()), testing::StartsWith(path));
  }
}

}  // namespace
}  // namespace permafrost
