#include "optimizer/frontend/keras/read_keras.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <random>
#include <sstream>

#include "optimizer/frontend/open_model.h"
#include "tests/support/hdf5_writing.h"
#include "tests/support/places.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/zip_writing.h"

namespace permafrost {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::string Case(const std::string& name) { return SourceDir() + "/tests/data/keras/" + name; }

std::string BytesOf(const std::string& path) {
  std::ostringstream bytes;
  bytes << std::ifstream(path, std::ios::binary).rdbuf();
  return bytes.str();
}

// One Dense layer of two units on three features, called "answer".
std::string ModelJson(const std::string& layer_class = "Dense", const std::string& more = "") {
  return R"({"class_name": "Sequential", "config": {"name": "net", "layers": [
    {"class_name": "InputLayer", "config": {"name": "row", "batch_input_shape": [null, 3], "dtype": "float32"}},
    {"class_name": ")" + layer_class + R"(", "config": {"name": "answer", "units": 2, "activation": "relu"})" + more + "}]}}";
}

class KerasH5 : public testing::Test {
 protected:
  std::string path() const { return folder_.File("model.h5"); }
  Status Read(const std::string& path) const { return OpenModel(path, Limits{}).status(); }
  std::string Error(const std::string& path) const {
    const Status status = Read(path);
    EXPECT_FALSE(status.ok()) << "accepted";
    EXPECT_THAT(Message(status), StartsWith(path + ": "));
    return Message(status);
  }
  std::string Error() const { return Error(path()); }

  void WriteHeader(Hdf5Writer& file, const std::string& config = ModelJson(), const std::string& version = "2.4.0") const {
    file.Attribute("/", "model_config", config);
    file.Attribute("/", "keras_version", version);
    file.Attribute("/", "backend", "tensorflow");
    file.Group("/model_weights");
    file.ListAttribute("/model_weights", "layer_names", {"answer"});
  }
  void WriteWeights(Hdf5Writer& file, hsize_t features = 3) const {
    file.Group("/model_weights/answer");
    file.ListAttribute("/model_weights/answer", "weight_names", {"answer/kernel:0", "answer/bias:0"});
    file.Dataset("/model_weights/answer/answer/kernel:0", {features, 2}, std::vector<float>(features * 2, 0.5F));
    file.Dataset("/model_weights/answer/answer/bias:0", {2}, {1, 2});
  }

  TemporaryFolder folder_;
};

TEST_F(KerasH5, ReadsWhatKerasWrites) {
  {
    Hdf5Writer file(path());
    WriteHeader(file);
    WriteWeights(file);
  }
  EXPECT_TRUE(Read(path()).ok()) << Read(path());
}

TEST_F(KerasH5, ReadsListsOfNamesThatWereTooLongForOneAttribute) {
  {
    Hdf5Writer file(path());
    WriteHeader(file);
    file.Group("/model_weights/answer");
    file.ListAttribute("/model_weights/answer", "weight_names0", {"k"});
    file.ListAttribute("/model_weights/answer", "weight_names1", {"b"});
    file.Dataset("/model_weights/answer/k", {3, 2}, std::vector<float>(6, 1));
    file.Dataset("/model_weights/answer/b", {2}, {1, 2});
  }
  EXPECT_TRUE(Read(path()).ok()) << Read(path());
}

TEST_F(KerasH5, ReadsCompressedDoubleAndBigEndianWeights) {
  {
    Hdf5Writer file(path());
    WriteHeader(file);
    file.Group("/model_weights/answer");
    file.ListAttribute("/model_weights/answer", "weight_names", {"k", "b"});
    file.Dataset("/model_weights/answer/k", {3, 2}, {1, 2, 3, 4, 5, 6}, H5T_IEEE_F64LE, 2);
    file.Dataset("/model_weights/answer/b", {2}, {7, 8}, H5T_IEEE_F32BE);
  }
  const StatusOr<Model> model = OpenModel(path(), Limits{});
  ASSERT_TRUE(model.ok()) << model.status();
  const auto values = [&](const char* name) {
    return model->graph.node(*model->graph.Find(name)).attr<Tensor>("value")->Values<float>();
  };
  EXPECT_EQ(values("answer/kernel"), (std::vector<float>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(values("answer/bias"), (std::vector<float>{7, 8}));
}

TEST_F(KerasH5, SaysThatWeightsAloneAreNoModel) {
  {
    Hdf5Writer file(path());
    file.ListAttribute("/", "layer_names", {"answer"});
    file.Group("/answer");
  }
  EXPECT_THAT(Error(), AllOf(HasSubstr("weights only"), HasSubstr("architecture"), HasSubstr("model.save")));
}

TEST_F(KerasH5, TellsOtherHdf5FilesFromModels) {
  { Hdf5Writer(path()).Dataset("/measurements", {2}, {1, 2}); }
  EXPECT_THAT(Error(), HasSubstr("none that Keras wrote"));
}

TEST_F(KerasH5, RefusesKeras1) {
  {
    Hdf5Writer file(path());
    WriteHeader(file, ModelJson(), "1.2.2");
  }
  EXPECT_THAT(Error(), HasSubstr("Keras 1.2.2"));
}

TEST_F(KerasH5, NamesLayerAndWeightThatIsMissing) {
  {
    Hdf5Writer file(path());
    WriteHeader(file);
    file.Group("/model_weights/answer");
    file.ListAttribute("/model_weights/answer", "weight_names", {"answer/kernel:0", "answer/bias:0"});
    file.Dataset("/model_weights/answer/answer/kernel:0", {3, 2}, std::vector<float>(6, 1));
  }
  EXPECT_THAT(Error(), AllOf(HasSubstr("'answer' (Dense)"), HasSubstr("'bias'"), HasSubstr("missing")));
}

TEST_F(KerasH5, NamesLayerAndWeightOfAnotherShape) {
  {
    Hdf5Writer file(path());
    WriteHeader(file);
    WriteWeights(file, 4);
  }
  EXPECT_THAT(Error(), AllOf(HasSubstr("'answer' (Dense)"), HasSubstr("'kernel' is [4,2]"), HasSubstr("expected [3,2]")));
}

TEST_F(KerasH5, CountsTheWeightsOfALayer) {
  {
    Hdf5Writer file(path());
    WriteHeader(file);
    file.Group("/model_weights/answer");
    file.ListAttribute("/model_weights/answer", "weight_names", {"answer/kernel:0"});
  }
  EXPECT_THAT(Error(), AllOf(HasSubstr("'answer'"), HasSubstr("holds 1 weights"), HasSubstr("expected 2")));
}

TEST_F(KerasH5, NeverRunsWhatAuthorsWroteThemselves) {
  const auto error = [&](const std::string& config) {
    {
      Hdf5Writer file(path());
      WriteHeader(file, config);
    }
    return Error();
  };
  EXPECT_THAT(error(ModelJson("Lambda")), AllOf(HasSubstr("'answer' (Lambda)"), HasSubstr("never run")));
  EXPECT_THAT(error(ModelJson("MyLayer")), AllOf(HasSubstr("'answer' (MyLayer)"), HasSubstr("does not know")));
  EXPECT_THAT(error(ModelJson("Custom>Dense")), AllOf(HasSubstr("Custom>Dense"), HasSubstr("own Python code")));
  EXPECT_THAT(error(ModelJson("Dense", R"(, "module": "my_project", "registered_name": "Dense")")),
              HasSubstr("own Python code"));
  EXPECT_THAT(error(R"({"class_name": "MyModel", "config": {}})"), AllOf(HasSubstr("MyModel"), HasSubstr("SavedModel")));
}

TEST_F(KerasH5, RefusesLinksThatGoInCirclesOrLeaveTheFile) {
  const auto error = [&](auto link) {
    {
      Hdf5Writer file(path());
      WriteHeader(file);
      WriteWeights(file);
      link(file.file());
    }
    return Error();
  };
  EXPECT_THAT(error([](hid_t file) {
                H5Lcreate_hard(file, "/model_weights", file, "/model_weights/answer/again", H5P_DEFAULT, H5P_DEFAULT);
              }),
              HasSubstr("circles"));
  EXPECT_THAT(error([](hid_t file) {
                H5Lcreate_external("/etc/passwd", "/x", file, "/model_weights/outside", H5P_DEFAULT, H5P_DEFAULT);
              }),
              HasSubstr("link to another file"));
  EXPECT_THAT(error([](hid_t file) {
                H5Lcreate_soft("/model_weights/soft", file, "/model_weights/soft", H5P_DEFAULT, H5P_DEFAULT);
              }),
              HasSubstr("link to another place"));
  EXPECT_THAT(error([](hid_t file) {
                const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
                H5Pset_external(creation, "/etc/passwd", 0, 8);
                const hsize_t dims[] = {2};
                const hid_t space = H5Screate_simple(1, dims, nullptr);
                H5Dclose(H5Dcreate2(file, "/stolen", H5T_IEEE_F32LE, space, H5P_DEFAULT, creation, H5P_DEFAULT));
                H5Sclose(space);
                H5Pclose(creation);
              }),
              HasSubstr("another file"));
}

TEST_F(KerasH5, RefusesDataSetsThatUnpackToMoreThanTheFileCanHold) {
  {
    Hdf5Writer file(path());
    WriteHeader(file);
    WriteWeights(file);
    file.Dataset("/model_weights/bomb", {hsize_t{1} << 34, 2}, {}, H5T_IEEE_F32LE, 1 << 10);
  }
  EXPECT_THAT(Error(), HasSubstr("unpacks to"));
}

TEST_F(KerasH5, SurvivesGroupsNestedWithoutEnd) {
  {
    Hdf5Writer file(path());
    WriteHeader(file);
    WriteWeights(file);
    std::string name;
    for (int i = 0; i < 500; ++i) name += "/g";
    file.Group(name);
  }
  EXPECT_THAT(Error(), HasSubstr("nested more than"));
}

TEST_F(KerasH5, RefusesConfigsThatNestWithoutEnd) {
  const auto error = [&](const std::string& config) {
    {
      Hdf5Writer file(path());
      WriteHeader(file, config);
    }
    return Error();
  };
  EXPECT_THAT(error(std::string(60'000, '[')), HasSubstr("brackets deep"));
  std::string nested = ModelJson();
  for (int i = 0; i < 100; ++i) {
    nested = R"({"class_name": "Sequential", "config": {"name": "m", "layers": [)" + nested + "]}}";
  }
  EXPECT_THAT(error(nested), HasSubstr("nested more than 64 deep"));
  EXPECT_THAT(error("{\"class_name\": "), HasSubstr("not valid JSON"));
  EXPECT_THAT(error("[1, 2]"), HasSubstr("class_name"));
}

// A model that calls a model twice, which calls a model twice ...: the file is small, the graph would not be.
TEST_F(KerasH5, BoundsTheNodesOfModelsThatCallModels) {
  std::string inner = R"({"class_name": "Activation", "name": "a", "config": {"name": "a", "activation": "relu"}})";
  const std::string input =
      R"({"class_name": "InputLayer", "name": "i", "config": {"name": "i", "batch_input_shape": [null, 3]}, "inbound_nodes": []})";
  for (int i = 0; i < 40; ++i) {
    const std::string name = i == 0 ? "a" : "m";
    inner.insert(inner.size() - 1, R"(, "inbound_nodes": [[["i", 0, 0, {}]], [[")" + name + R"(", 0, 0, {}]]])");
    inner = R"({"class_name": "Functional", "name": "m", "config": {"name": "m", "layers": [)" + input + "," + inner +
            R"(], "input_layers": [["i", 0, 0]], "output_layers": [[")" + name + R"(", 1, 0]]}})";
  }
  {
    Hdf5Writer file(path());
    WriteHeader(file, inner);
  }
  const Status status = OpenModel(path(), Limits{.max_nodes = 10'000}).status();
  EXPECT_THAT(Message(status), HasSubstr("--max-nodes"));
}

TEST_F(KerasH5, RefusesLayersThatWaitForEachOther) {
  {
    Hdf5Writer file(path());
    WriteHeader(file, R"({"class_name": "Functional", "config": {"name": "m", "layers": [
      {"class_name": "InputLayer", "name": "i", "config": {"name": "i", "batch_input_shape": [null, 3]}, "inbound_nodes": []},
      {"class_name": "Add", "name": "a", "config": {"name": "a"}, "inbound_nodes": [[["i", 0, 0, {}], ["b", 0, 0, {}]]]},
      {"class_name": "Add", "name": "b", "config": {"name": "b"}, "inbound_nodes": [[["i", 0, 0, {}], ["a", 0, 0, {}]]]}],
      "input_layers": [["i", 0, 0]], "output_layers": [["b", 0, 0]]}})");
  }
  EXPECT_THAT(Error(), HasSubstr("waits for itself"));
}

TEST_F(KerasH5, RefusesWhatIsDamaged) {
  const std::string good = BytesOf(Case("sequential.k2.h5"));
  ASSERT_GT(good.size(), 10'000U);
  EXPECT_THAT(Error(folder_.Write("cut.h5", good.substr(0, good.size() / 2))), HasSubstr("damaged"));
  std::mt19937 random(1);
  for (int i = 0; i < 60; ++i) {  // each ends one way or the other, in time, and in this process
    std::string bad = good;
    for (int k = 0; k < 8; ++k) bad[random() % (k < 6 ? 4096 : bad.size())] = static_cast<char>(random());
    Read(folder_.Write("bad.h5", bad)).IgnoreError();
  }
}

class KerasZip : public testing::Test {
 protected:
  std::string Error(const std::vector<ZippedFile>& files) const {
    const StatusOr<Model> model = OpenModel(folder_.Write("model.keras", ZipOf(files)), Limits{});
    EXPECT_FALSE(model.ok()) << "accepted";
    return Message(model.status());
  }
  // A good model, with or without a file more.
  std::vector<ZippedFile> Files(std::vector<ZippedFile> more = {}) const {
    const std::string weights = folder_.File("w.h5");
    {
      Hdf5Writer file(weights);
      file.Dataset("/layers/dense/vars/0", {3, 2}, std::vector<float>(6, 0.5F));
      file.Dataset("/layers/dense/vars/1", {2}, {1, 2});
    }
    std::vector<ZippedFile> files = {{.name = "metadata.json", .bytes = R"({"keras_version": "3.1.0"})"},
                                     {.name = "config.json", .bytes = ModelJson()},
                                     {.name = "model.weights.h5", .bytes = BytesOf(weights)}};
    files.insert(files.end(), more.begin(), more.end());
    return files;
  }
  TemporaryFolder folder_;
};

TEST_F(KerasZip, ReadsStoredAndDeflatedFiles) {
  std::vector<ZippedFile> files = Files();
  for (const bool deflate : {false, true}) {
    for (ZippedFile& file : files) file.deflate = deflate;
    const auto model = OpenModel(folder_.Write("model.keras", ZipOf(files)), Limits{});
    ASSERT_TRUE(model.ok()) << model.status();
    EXPECT_EQ(model->graph.node(*model->graph.Find("answer/bias")).attr<Tensor>("value")->Values<float>(),
              (std::vector<float>{1, 2}));
  }
}

TEST_F(KerasZip, IsToldByContentWhateverItIsCalled) {
  EXPECT_TRUE(OpenModel(folder_.Write("model.h5", ZipOf(Files())), Limits{}).ok());
  EXPECT_TRUE(OpenModel(folder_.Write("model.keras", BytesOf(Case("sequential.k2.h5"))), Limits{}).ok());
}

TEST_F(KerasZip, NamesTheFileThatIsMissing) {
  for (size_t i = 0; i < 3; ++i) {
    std::vector<ZippedFile> files = Files();
    const std::string name = files[i].name;
    files.erase(files.begin() + static_cast<int64_t>(i));
    EXPECT_THAT(Error(files), HasSubstr("without '" + name + "'"));
  }
}

TEST_F(KerasZip, RefusesNamesThatLeaveTheArchiveOrComeTwice) {
  for (const char* name : {"../evil", "a/../../evil", "/etc/passwd", "..\\evil", "c:/evil", "a/.."}) {
    EXPECT_THAT(Error(Files({{.name = name, .bytes = "x"}})), HasSubstr("leads out of the archive"));
  }
  EXPECT_THAT(Error(Files({{.name = "config.json", .bytes = "{}"}})), HasSubstr("'config.json' twice"));
}

TEST_F(KerasZip, RefusesBombs) {
  std::vector<ZippedFile> files = Files();
  files[1] = {.name = "config.json", .bytes = std::string(80 << 20, ' '), .deflate = true};
  EXPECT_THAT(Error(files), HasSubstr("too much to be what it says"));
  files[1].bytes = ModelJson();
  files[1].claimed_size = 0xfffffff0;
  EXPECT_THAT(Error(files), HasSubstr("too much to be what it says"));
  files[1].claimed_size = 10;  // less than there is
  EXPECT_THAT(Error(files), HasSubstr("does not unpack"));
}

TEST_F(KerasZip, RefusesWhatIsDamaged) {
  for (size_t i = 0; i < 3; ++i) {
    std::vector<ZippedFile> files = Files();
    files[i].crc_error = 1;
    EXPECT_THAT(Error(files), AllOf(HasSubstr("checksum"), HasSubstr(files[i].name)));
    files = Files();
    files[i].offset_error = 1 << 30;
    EXPECT_THAT(Error(files), HasSubstr("not where the directory says"));
    files = Files();
    files[i].flags = 1;
    EXPECT_THAT(Error(files), HasSubstr("encrypted"));
  }
  const std::string good = ZipOf(Files());
  for (size_t size = 4; size < good.size(); size += 97) {
    EXPECT_FALSE(OpenModel(folder_.Write("cut.keras", good.substr(0, size)), Limits{}).ok());
  }
}

TEST_F(KerasZip, NamesLayerAndWeightThatIsMissing) {
  std::vector<ZippedFile> files = Files();
  files[1].bytes.replace(files[1].bytes.find("\"Dense\""), 7, "\"Dense\"");
  const std::string weights = folder_.File("empty.h5");
  { Hdf5Writer(weights).Dataset("/layers/dense/vars/0", {3, 2}, std::vector<float>(6, 0.5F)); }
  files[2].bytes = BytesOf(weights);
  EXPECT_THAT(Error(files), AllOf(HasSubstr("'answer' (Dense)"), HasSubstr("'bias'"), HasSubstr("layers/dense/vars/1")));
}

}  // namespace
}  // namespace permafrost
