"""As much of the CUDA runtime as scripts/gpu_check and scripts/peer_worker.py need, by ctypes: no package, no compiler."""
import ctypes
import glob
import os
import pathlib
import sys


class NoGpu(Exception):
    """One line says why there is no GPU to use."""


def library_folders():
    """Where CUDA's libraries may lie: the toolkit, and the PyPI packages nvidia-*."""
    folders = [folder for folder in os.environ.get("LD_LIBRARY_PATH", "").split(":") if folder]
    folders += sorted(glob.glob("/usr/local/cuda*/lib64"), reverse=True) + ["/usr/local/nvidia/lib64", "/usr/lib/x86_64-linux-gnu"]
    for base in dict.fromkeys(sys.path):
        folders += sorted(glob.glob(os.path.join(base or ".", "nvidia", "*", "lib")))
    return [folder for folder in dict.fromkeys(folders) if os.path.isdir(folder)]


def find_library(name, folders=None):
    """The newest file `name`.so.N, or None."""
    found = [path for folder in folders or library_folders() for path in glob.glob(os.path.join(folder, f"{name}.so.*"))]
    numbered = [(path.rsplit(".so.", 1)[1].split("."), path) for path in found]
    numbered = [([int(part) for part in number], path) for number, path in numbered if all(part.isdigit() for part in number)]
    return pathlib.Path(max(numbered)[1]) if numbered else None


class CudaRuntime:
    HOST_TO_DEVICE, DEVICE_TO_HOST = 1, 2

    def __init__(self):
        path = find_library("libcudart")
        if path is None:
            raise NoGpu("no libcudart.so: the CUDA runtime is not installed")
        try:
            self.library = ctypes.CDLL(str(path))
        except OSError as error:
            raise NoGpu(f"{path}: {error}") from error
        self.library.cudaGetErrorString.restype = ctypes.c_char_p
        count = ctypes.c_int(0)
        status = self.library.cudaGetDeviceCount(ctypes.byref(count))
        if status != 0 or count.value == 0:
            raise NoGpu(f"CUDA finds no GPU: {self.library.cudaGetErrorString(status).decode() if status else 'none is there'}")
        self.devices = count.value

    def check(self, status, what):
        if status != 0:
            raise RuntimeError(f"{what}: {self.library.cudaGetErrorString(status).decode()}")

    def stream(self):
        stream = ctypes.c_void_p()
        self.check(self.library.cudaStreamCreate(ctypes.byref(stream)), "cudaStreamCreate")
        return stream.value

    def allocate(self, size):
        pointer = ctypes.c_void_p()
        self.check(self.library.cudaMalloc(ctypes.byref(pointer), ctypes.c_size_t(size)), "cudaMalloc")
        return pointer.value

    def allocate_host(self, size):
        """Page-locked memory."""
        pointer = ctypes.c_void_p()
        self.check(self.library.cudaHostAlloc(ctypes.byref(pointer), ctypes.c_size_t(size), 0), "cudaHostAlloc")
        return pointer.value

    def copy(self, target, source, size, kind, stream=None):
        self.check(self.library.cudaMemcpyAsync(ctypes.c_void_p(target), ctypes.c_void_p(source), ctypes.c_size_t(size), kind,
                                                ctypes.c_void_p(stream)), "cudaMemcpyAsync")

    def copy_in(self, target, array, stream=None):
        self.copy(target, array.ctypes.data, array.nbytes, self.HOST_TO_DEVICE, stream)

    def copy_out(self, array, source, stream=None):
        self.copy(array.ctypes.data, source, array.nbytes, self.DEVICE_TO_HOST, stream)

    def wait(self, stream=None):
        self.check(self.library.cudaStreamSynchronize(ctypes.c_void_p(stream)), "cudaStreamSynchronize")
