#include "tests/runner/opencv_testing.h"

// Ops that few nets hold, and graphs in which random ones (random_graphs_test.cc) found something: optimized, in the
// real cv::dnn, against the reference kernels.
namespace permafrost {
namespace {

struct Case {
  const char* name;
  std::string text;
};
void PrintTo(const Case& test, std::ostream* out) { *out << test.name; }

const std::string kPicture = "in p:float32[2,5,7,3]; x = Sin(p); ";
const std::string kSequence = "in p:float32[2,5,6]; x = Sin(p); ";
const std::string kMatrix = "in p:float32[3,6]; x = Sin(p); ";
const std::string kEnd = "h = Mul(z, 0.5); y = Tanh(h); out y";

const Case kRare[] = {
    {"TopValues", kMatrix + "z = TopKV2(x, int32[]{3}); " + kEnd},
    {"TopPlaces", kMatrix + "t = TopKV2(x, int32[]{3}); out places=t:1"},
    {"TopValuesAndPlacesAtTheOutput", kMatrix + "t = TopKV2(x, int32[]{2}); out t, places=t:1"},
    {"TopValuesOfEqualOnes", kMatrix + "r = Round(x); t = TopKV2(r, int32[]{6}); out t, places=t:1"},
    {"TopValuesOfSequences", kSequence + "z = TopKV2(x, int32[]{2}); " + kEnd},
    {"TopValuesOfAnyBatch", "in p:float32[?,6]; x = Sin(p); z = TopKV2(x, int32[]{2}); " + kEnd},
    {"OneHotOfTheLargest", kMatrix + "a = ArgMax(x, int32[]{1}); z = OneHot(a, int32[]{6}, 1.0, 0.0); " + kEnd},
    {"OneHotInFront", kMatrix + "a = ArgMax(x, int32[]{1}); z = OneHot(a, int32[]{6}, 2.5, -0.5) {axis=0}; " + kEnd},
    {"OneHotOfAnInput",
     "in i:int32[4]; f = Cast(i) {DstT=float32}; m = Mul(f, 0.01); j = Cast(m) {DstT=int32}; "
     "z = OneHot(j, int32[]{4}, 1.0, 0.0); " +
         kEnd},
    {"PlacesAsFloats", kPicture + "a = ArgMin(x, int32[]{3}); z = Cast(a) {DstT=float32}; " + kEnd},
    {"PlacesCompared", kMatrix +
                           "a = ArgMax(x, int32[]{1}) {output_type=int32}; e = NotEqual(a, int32[]{2}); "
                           "z = Cast(e) {DstT=float32}; " +
                           kEnd},
    {"ArgMaxOverTheBatch", kPicture + "y = ArgMax(x, int32[]{0}); out y"},
    {"ArgMaxOfAVector", "in x:float32[6]; y = ArgMin(x, int32[]{0}); out y"},
    {"TableLookedUp",
     kMatrix + "a = ArgMax(x, int32[]{1}); t = float32[6,4]~3; z = GatherV2(t, a, int32[]{0}); " + kEnd},
    {"ShapeAtTheOutput", kPicture + "t = Tanh(x); s = Shape(x); n = Size(x); r = Rank(x); out t, s, n, r"},
    {"ConstantsAtTheOutput",
     "in p:float32[?,6]; x = Sin(p); a = float32[2,3,4,2]~5; b = bool[3]{true,false,true}; out x, a, b"},
    {"ConstantBesideAnyPicture", "in p:float32[?,?,?,3]; x = Sin(p); a = int32[2]{7,-9}; out x, a"},
    {"ComparisonAtTheOutput", kPicture + "y = Greater(x, 0.1); out y"},
    {"NotEqualAtTheOutput", kPicture + "r = Round(x); y = NotEqual(r, 1.0); out y"},
    {"WholeNumbersAtTheOutput", kPicture + "m = Mul(x, 5.0); y = Cast(m) {DstT=int32}; out y"},
    {"AllAndAny", kPicture + "g = Greater(x, -0.7); a = All(g, int32[1]{3}) {keep_dims=false}; "
                             "b = Any(g, int32[2]{1,2}) {keep_dims=true}; out a, b"},
    {"TruthAndBack", kPicture + "r = Relu(x); b = Cast(r) {DstT=bool}; z = Cast(b) {DstT=float32}; " + kEnd},
    {"Buckets", kPicture + "b = Bucketize(x) {boundaries=[-0.5,0.1,0.6]}; z = Cast(b) {DstT=float32}; " + kEnd},
    {"PowerOfTwoLiveValues", kMatrix + "r = Mul(x, 3.0); e = Round(r); z = Pow(x, e); " + kEnd},
    {"PowerOfAPositiveValue", kPicture + "s = Sigmoid(x); z = Pow(s, x); " + kEnd},
    {"Angle", kPicture + "c = Cos(p); z = Atan2(x, c); " + kEnd},
    {"AngleToAConstant", kPicture + "z = Atan2(x, -0.5); " + kEnd},
    {"RestWithTheSign", kPicture + "z = Mod(x, 0.3); " + kEnd},
    {"QuotientOrZero", kPicture + "r = Relu(p); z = DivNoNan(x, r); " + kEnd},
    {"ZeroOverZero", kPicture + "r = Relu(p); z = Xdivy(r, r); " + kEnd},
    {"Entropy", kPicture + "r = Relu(x); z = Xlogy(r, r); " + kEnd},
    {"Norm", kSequence + "z = EuclideanNorm(x, int32[1]{2}) {keep_dims=true}; " + kEnd},
    {"HalfTheSquares", kPicture + "y = L2Loss(x); out y"},
    {"SumOfEverything", kPicture + "y = Sum(x, int32[4]{0,1,2,3}) {keep_dims=false}; out y"},
    {"SumOfNoAxis", kPicture + "z = Sum(x, int32[0]{}) {keep_dims=false}; " + kEnd},
    {"OneElement", "in x:float32[4]; y = GatherV2(x, int32[]{2}, int32[]{0}); out y"},
    {"OnesLikeAnother", kPicture + "o = OnesLike(p); z = Add(x, o); " + kEnd},
    {"RoundedToEven", kPicture + "m = Mul(x, 4.0); z = Rint(m); " + kEnd},
    {"Rolled", kPicture + "z = Roll(x, int32[2]{1,-2}, int32[2]{1,3}); " + kEnd},
    {"ReversedByFlags", kPicture + "z = Reverse(x, bool[4]{false,true,false,true}); " + kEnd},
    {"ReversedByLengths", kSequence + "z = ReverseSequence(x, int32[2]{3,5}) {seq_dim=1, batch_dim=0}; " + kEnd},
    {"PlacesGathered", kSequence + "z = GatherNd(x, int32[3,2]{0,1,1,4,0,0}); " + kEnd},
    {"Triangle", kSequence + "z = MatrixBandPart(x, int32[]{1}, int32[]{0}); " + kEnd},
    {"Patches", kPicture +
                    "z = ExtractImagePatches(x) {ksizes=[1,2,3,1], strides=[1,2,1,1], rates=[1,1,1,1], "
                    "padding=\"VALID\"}; " +
                    kEnd},
    {"Multiplied", kSequence + "z = Cumprod(x, int32[]{1}) {exclusive=true, reverse=true}; " + kEnd},
    {"PooledBySizesAsInputs",
     kPicture + "z = MaxPoolV2(x, int32[4]{1,2,2,1}, int32[4]{1,2,2,1}) {padding=\"SAME\"}; " + kEnd},
    {"PooledWithPlaces",
     kPicture + "z = MaxPoolWithArgmax(x) {ksize=[1,2,2,1], strides=[1,2,2,1], padding=\"VALID\"}; " + kEnd},
    {"SpaceToBatchAlone", kPicture + "z = SpaceToBatchND(x, int32[2]{2,2}, int32[2,2]{0,1,1,0}); " + kEnd},
    {"SpaceToBatchOfSequences", kSequence + "z = SpaceToBatchND(x, int32[1]{2}, int32[1,2]{1,0}); " + kEnd},
    {"BatchToSpaceAlone",
     "in p:float32[8,2,3,3]; x = Sin(p); z = BatchToSpaceND(x, int32[2]{2,2}, int32[2,2]{1,0,0,1}); " + kEnd},
    {"SpaceToBatchByItsOldName",
     "in p:float32[1,4,6,3]; x = Sin(p); z = SpaceToBatch(x, int32[2,2]{0,0,0,0}) {block_size=2}; " + kEnd},
    {"ResizedCubic",
     kPicture + "z = ResizeBicubic(x, int32[2]{9,4}) {align_corners=false, half_pixel_centers=true}; " + kEnd},
    {"ResizedByArea", kPicture + "z = ResizeArea(x, int32[2]{3,5}); " + kEnd},
    {"ScaledAndMoved", kPicture +
                           "z = ScaleAndTranslate(x, int32[2]{6,8}, float32[2]{1.2,0.9}, float32[2]{0.3,-0.2}) "
                           "{kernel_type=\"triangle\", antialias=true}; " +
                           kEnd},
    {"Cropped",
     kPicture + "z = CropAndResize(x, float32[2,4]{0,0.1,0.6,0.9,0.5,0.2,1,1}, int32[2]{1,0}, int32[2]{3,4}); " + kEnd},
    {"DilatedDeconvolution", kPicture +
                                 "k = float32[2,3,4,3]~1; z = Conv2DBackpropInput(int32[4]{2,7,11,4}, k, x) "
                                 "{strides=[1,1,1,1], padding=\"VALID\", dilations=[1,2,2,1]}; " +
                                 kEnd},
    {"DilatedDeconvolutionOfAnyBatch",
     "in p:float32[?,4,3,3]; x = Sin(p); k = float32[2,2,2,3]~1; sh = Shape(x) {out_type=int32}; "
     "n = StridedSlice(sh, int32[1]{0}, int32[1]{1}, int32[1]{1}) {shrink_axis_mask=1}; "
     "s = Pack(n, int32[]{6}, int32[]{5}, int32[]{2}) {N=4, axis=0}; z = Conv2DBackpropInput(s, k, x) "
     "{strides=[1,1,1,1], padding=\"VALID\", dilations=[1,2,2,1]}; " +
         kEnd},
    {"DeconvolvedVolume",
     "in p:float32[1,2,3,4,3]; x = Sin(p); k = float32[2,3,2,4,3]~1; "
     "z = Conv3DBackpropInputV2(int32[5]{1,4,6,8,4}, k, x) {strides=[1,2,2,2,1], padding=\"SAME\"}; " +
         kEnd},
    {"BatchesOfConstantMatrices", kSequence + "w = float32[2,6,4]~3; z = BatchMatMulV2(x, w); " + kEnd},
    {"BatchesTurned", kSequence + "s = Sin(x); z = BatchMatMul(x, s) {adj_y=true}; " + kEnd},
    {"BatchMatMulOfMatrices", kMatrix + "w = float32[4,6]~3; z = BatchMatMulV2(x, w) {adj_y=true}; " + kEnd},
    {"SelectionByRows", kMatrix +
                            "m = Mean(x, int32[1]{1}) {keep_dims=false}; g = Greater(m, 0.0); n = Neg(x); "
                            "z = Select(g, x, n); " +
                            kEnd},
    {"SoftmaxOfAVector", "in x:float32[6]; y = Softmax(x); out y"},
    {"JoinedVectors", "in x:float32[6]; n = Neg(x); y = ConcatV2(x, float32[2]{1,2}, n, int32[]{-1}); out y"},
    {"JoinedOverTheBatchFromTheEnd", kPicture + "n = Neg(x); z = ConcatV2(x, n, int32[]{-4}); " + kEnd},
    {"ConstantOfEveryRow", kPicture + "a = Mul(x, float32[2,5,7,3]~4); z = Add(a, float32[2,1,7,1]~5); " + kEnd},
    {"ConstantOfEveryMatrixRow", kMatrix + "a = Mul(x, float32[3,6]~4); z = Add(a, float32[3,1]~5); " + kEnd},
    {"BiasOfPlainVolumes", "in x:float32[1,4,3,2,3]; y = BiasAdd(x, float32[3]{1,2,3}) {data_format=\"NHWC\"}; out y"},
    {"TwiceItself", kMatrix + "r = Relu(x); z = Add(r, r); " + kEnd},
    {"TurnedByWideIndices", kMatrix + "z = ConjugateTranspose(x, int64[2]{1,0}); " + kEnd},
    {"ShufflesAfterAVector", "in x:float32[7]; r = Reshape(x, int32[4]{1,7,1,1}); "
                             "n = ResizeNearestNeighbor(r, int32[2]{14,2}); t = Tile(n, int32[4]{1,1,1,4}); "
                             "d = DepthToSpace(t) {block_size=2}; y = Transpose(d, int32[4]{0,2,3,1}); out y"},
    {"TwoInputsOfUnknownBatch",
     "in a:float32[?,4,6]; r = Relu(a); z0 = Mul(a, r); in b:float32[?,3,1,7]; "
     "y = Tanh(b); out y, z0"},
    {"PartThatIsEmpty", kSequence + "s = SplitV(x, int32[2]{0,5}, int32[]{1}) {num_split=2}; z = Relu(s:1); " + kEnd},
};

class LegalizedRareOps : public ::testing::TestWithParam<Case> {};

TEST_P(LegalizedRareOps, GivesTheSameNumbersInOpenCv) {
  const Graph graph = ParseOrDie(GetParam().text);
  ASSERT_FALSE(graph.outputs().empty());
  const StatusOr<double> error = ErrorWhenOptimized(graph);
  ASSERT_TRUE(error.ok()) << error.status() << "\n" << GetParam().text;
  EXPECT_LE(*error, 1e-4) << GetParam().text;
}

INSTANTIATE_TEST_SUITE_P(Rare, LegalizedRareOps, ::testing::ValuesIn(kRare),
                         [](const ::testing::TestParamInfo<Case>& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace permafrost
