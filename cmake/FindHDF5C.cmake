# The C library of HDF5 with its high level part, as Debian (hdf5_serial) and others (hdf5) call them. Gives HDF5C::hdf5.
find_path(HDF5C_INCLUDE_DIR hdf5_hl.h PATH_SUFFIXES hdf5/serial)
find_library(HDF5C_LIBRARY NAMES hdf5_serial hdf5)
find_library(HDF5C_HL_LIBRARY NAMES hdf5_serial_hl hdf5_hl)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(HDF5C REQUIRED_VARS HDF5C_LIBRARY HDF5C_HL_LIBRARY HDF5C_INCLUDE_DIR)
mark_as_advanced(HDF5C_INCLUDE_DIR HDF5C_LIBRARY HDF5C_HL_LIBRARY)
if(HDF5C_FOUND AND NOT TARGET HDF5C::hdf5)
  add_library(HDF5C::hdf5 UNKNOWN IMPORTED)
  set_target_properties(HDF5C::hdf5 PROPERTIES IMPORTED_LOCATION ${HDF5C_HL_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${HDF5C_INCLUDE_DIR} INTERFACE_LINK_LIBRARIES ${HDF5C_LIBRARY})
endif()
