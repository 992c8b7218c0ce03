#include "shared_io/npy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/support/temporary_folder.h"

namespace permafrost {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string File(std::string_view header, std::string_view data, int version = 1) {
  std::string bytes = "\x93NUMPY";
  bytes += static_cast<char>(version);
  bytes += '\0';
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i) bytes += static_cast<char>(header.size() >> (8 * i) & 255);
  return bytes.append(header).append(data);
}

TEST(Npy, ReadsWhatItWrote) {
  for (const std::vector<int64_t>& dims : std::vector<std::vector<int64_t>>{{}, {0}, {3}, {2, 3}, {1, 2, 0, 4}}) {
    Array array{ElementType::kInt16, dims, {}};
    for (int64_t i = 0; i < *ElementCount(dims) * 2; ++i) array.bytes += static_cast<char>(i);
    const auto bytes = NpyBytes(array);
    ASSERT_TRUE(bytes.ok());
    EXPECT_EQ((bytes->size() - array.bytes.size()) % 64, 0U);
    const auto back = ParseNpy(*bytes);
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(back->type, ElementType::kInt16);
    EXPECT_EQ(back->dims, dims);
    EXPECT_EQ(back->bytes, array.bytes);
  }
  EXPECT_FALSE(NpyBytes({ElementType::kFloat, {2}, "1234"}).ok());
}

TEST(Npy, ReadsAllThreeVersionsAndAnyOrderOfKeys) {
  const std::string data(8, '\1');
  for (int version : {1, 2, 3}) {
    const auto array = ParseNpy(File("{ \"shape\":(2 , 1),'fortran_order':False ,'descr':'<f4'}\n", data, version));
    ASSERT_TRUE(array.ok()) << array.status();
    EXPECT_THAT(array->dims, ElementsAre(2, 1));
    EXPECT_EQ(array->type, ElementType::kFloat);
  }
}

TEST(Npy, TurnsFortranOrderIntoCOrder) {
  const auto array = ParseNpy(File("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }", "\1\4\2\5\3\6"));
  ASSERT_TRUE(array.ok()) << array.status();
  EXPECT_THAT(array->dims, ElementsAre(2, 3));
  EXPECT_EQ(array->bytes, "\1\2\3\4\5\6");
}

TEST(Npy, RefusesHeadersThatLie) {
  const std::string data(8, '\0');
  for (const char* header : {
           "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (1152921504606846976,), }",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296, 4294967296), }",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), }",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'shape': (2,), }",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (2,",
           "{'descr': '<f4', 'fortran_order': False, }",
           "{'descr': '<f4', 'fortran_order': Maybe, 'shape': (2,), }",
           "{'descr': '<f4, 'fortran_order': False, 'shape': (2,), }",
           "{'descr': '>f4', 'fortran_order': False, 'shape': (2,), }",
           "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
           "{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (2,), }",
           "{'descr': '<f4', 'fortran_order': False, 'shape': "
           "(1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,2), }",
           "{}",
           "",
       }) {
    EXPECT_FALSE(ParseNpy(File(header, data)).ok()) << header;
  }
}

TEST(Npy, RefusesEveryTruncation) {
  const std::string whole = *NpyBytes(FloatArray({2, 2}, {1, 2, 3, 4}));
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(ParseNpy(std::string_view(whole).substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(ParseNpy(whole + "x").ok());
  std::string future = whole;
  future[6] = 4;
  EXPECT_FALSE(ParseNpy(future).ok());
}

TEST(Npy, NamesTheFileThatIsDamaged) {
  const TemporaryFolder folder;
  const std::string path = folder.File("damaged.npy");
  ASSERT_TRUE(WriteNpy(path, FloatArray({3}, {1, 2, 3})).ok());
  EXPECT_THAT(*ToFloats(*ReadNpy(path)), ElementsAre(1, 2, 3));
  ASSERT_EQ(::truncate(path.c_str(), 100), 0);
  EXPECT_THAT(Message(ReadNpy(path).status()), HasSubstr("damaged.npy: npy:"));
}

}  // namespace
}  // namespace permafrost
