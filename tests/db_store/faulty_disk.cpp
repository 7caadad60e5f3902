#include "faulty_disk.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <fstream>
#include <iterator>
#include <utility>

namespace bondway::db {

namespace {

constexpr std::size_t kSector = 512;

FaultyDisk* g_disk = nullptr;   // SQLite's file systems are global: so is what stands behind one
sqlite3_vfs* g_real = nullptr;  // the one that was the default
sqlite3_vfs g_vfs;
sqlite3_io_methods g_methods;

/// In SQLite's memory; the real file follows it.
struct FaultyFile {
  sqlite3_file base;
  std::string* name;
  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

FaultyFile& faulty(sqlite3_file* file) { return *reinterpret_cast<FaultyFile*>(file); }
sqlite3_file* real(sqlite3_file* file) { return faulty(file).real(); }

int do_close(sqlite3_file* file) {
  const int code = real(file)->pMethods->xClose(real(file));
  delete std::exchange(faulty(file).name, nullptr);
  return code;
}

int do_write(sqlite3_file* file, const void* data, int size, sqlite3_int64 offset) {
  if (const int fault = g_disk->operate(); fault != SQLITE_OK) return fault;
  const int code = real(file)->pMethods->xWrite(real(file), data, size, offset);
  const std::string text(static_cast<const char*>(data), static_cast<std::size_t>(size));
  if (code == SQLITE_OK) g_disk->changed(*faulty(file).name, {offset, text});
  return code;
}

int do_truncate(sqlite3_file* file, sqlite3_int64 size) {
  if (const int fault = g_disk->operate(); fault != SQLITE_OK) return fault;
  const int code = real(file)->pMethods->xTruncate(real(file), size);
  if (code == SQLITE_OK) g_disk->changed(*faulty(file).name, {size, "", true});
  return code;
}

int do_sync(sqlite3_file* file, int flags) {
  if (const int fault = g_disk->operate(); fault != SQLITE_OK) return fault;
  const int code = real(file)->pMethods->xSync(real(file), flags);
  if (code == SQLITE_OK) g_disk->synced(*faulty(file).name);
  return code;
}

/// Everything else goes through.
template <auto Method, typename... Args>
int pass(sqlite3_file* file, Args... args) {
  return (real(file)->pMethods->*Method)(real(file), args...);
}

void pass_barrier(sqlite3_file* file) { real(file)->pMethods->xShmBarrier(real(file)); }

sqlite3_io_methods make_methods() {
  sqlite3_io_methods methods{};
  methods.iVersion = 2;  // without memory-mapped reads
  methods.xClose = do_close;
  methods.xRead = pass<&sqlite3_io_methods::xRead, void*, int, sqlite3_int64>;
  methods.xWrite = do_write;
  methods.xTruncate = do_truncate;
  methods.xSync = do_sync;
  methods.xFileSize = pass<&sqlite3_io_methods::xFileSize, sqlite3_int64*>;
  methods.xLock = pass<&sqlite3_io_methods::xLock, int>;
  methods.xUnlock = pass<&sqlite3_io_methods::xUnlock, int>;
  methods.xCheckReservedLock = pass<&sqlite3_io_methods::xCheckReservedLock, int*>;
  methods.xFileControl = pass<&sqlite3_io_methods::xFileControl, int, void*>;
  methods.xSectorSize = pass<&sqlite3_io_methods::xSectorSize>;
  methods.xDeviceCharacteristics = [](sqlite3_file*) { return 0; };  // promises nothing
  methods.xShmMap = pass<&sqlite3_io_methods::xShmMap, int, int, int, void volatile**>;
  methods.xShmLock = pass<&sqlite3_io_methods::xShmLock, int, int, int>;
  methods.xShmBarrier = pass_barrier;
  methods.xShmUnmap = pass<&sqlite3_io_methods::xShmUnmap, int>;
  return methods;
}

int do_open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  file->pMethods = nullptr;
  const int code = g_real->xOpen(g_real, name, real(file), flags, out_flags);
  if (code != SQLITE_OK) return code;
  faulty(file).name = new std::string(name ? name : "");
  file->pMethods = &g_methods;
  g_disk->opened(*faulty(file).name);
  return SQLITE_OK;
}

int do_delete(sqlite3_vfs*, const char* name, int sync_folder) {
  const int code = g_real->xDelete(g_real, name, sync_folder);
  if (code == SQLITE_OK) g_disk->removed(name);
  return code;
}

std::string content_of(const std::string& name) {
  std::ifstream file(name, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

void apply(std::string& content, const FaultyDisk::Change& change) {
  const auto offset = static_cast<std::size_t>(change.offset);
  if (change.is_truncation) return content.resize(offset);
  if (content.size() < offset + change.data.size()) content.resize(offset + change.data.size());
  content.replace(offset, change.data.size(), change.data);
}

/// Some sectors of a write.
void apply_torn(std::string& content, const FaultyDisk::Change& change, std::mt19937& random) {
  if (change.is_truncation) return apply(content, change);
  for (std::size_t begin = 0; begin < change.data.size(); begin += kSector) {
    if (random() % 2 == 0) continue;
    apply(content,
          {change.offset + static_cast<std::int64_t>(begin), change.data.substr(begin, kSector)});
  }
}

}  // namespace

FaultyDisk::FaultyDisk() {
  assert(!g_disk);
  g_disk = this;
  g_real = sqlite3_vfs_find(nullptr);
  g_vfs = *g_real;
  g_vfs.zName = "faulty";
  g_vfs.pNext = nullptr;
  g_vfs.szOsFile = static_cast<int>(sizeof(FaultyFile)) + g_real->szOsFile;
  g_vfs.xOpen = do_open;
  g_vfs.xDelete = do_delete;
  g_methods = make_methods();
  sqlite3_vfs_register(&g_vfs, 1);
}

FaultyDisk::~FaultyDisk() {
  sqlite3_vfs_register(g_real, 1);
  sqlite3_vfs_unregister(&g_vfs);
  g_disk = nullptr;
}

int FaultyDisk::operate() {
  if (busy_) return SQLITE_OK;
  ++operations_;
  if (!before_operation) return SQLITE_OK;
  busy_ = true;
  const int code = before_operation();
  busy_ = false;
  return code;
}

void FaultyDisk::changed(const std::string& name, Change change) {
  if (!busy_) files_[name].unsynced.push_back(std::move(change));
}

void FaultyDisk::synced(const std::string& name) {
  if (busy_) return;
  File& file = files_[name];
  for (const Change& change : file.unsynced) apply(file.durable, change);
  file.unsynced.clear();
}

/// What is there when it is first opened is taken to be on the disk.
void FaultyDisk::opened(const std::string& name) {
  if (!busy_ && !files_.contains(name)) files_[name].durable = content_of(name);
}

void FaultyDisk::removed(const std::string& name) {
  if (!busy_) files_.erase(name);
}

void FaultyDisk::cut_power(const std::filesystem::path& from, const std::filesystem::path& to,
                           Survival survival, std::mt19937& random) const {
  std::filesystem::remove_all(to);
  std::filesystem::create_directories(to);
  for (const auto& [name, file] : files_) {
    const std::filesystem::path path = name;
    if (path.parent_path() != from || !std::filesystem::exists(path)) continue;
    std::string content = file.durable;
    std::vector<Change> survivors;
    for (const Change& change : file.unsynced) {
      const bool survives =
          survival == Survival::everything || (survival != Survival::nothing && random() % 2 == 0);
      if (survives) survivors.push_back(change);
    }
    if (survival >= Survival::some) std::shuffle(survivors.begin(), survivors.end(), random);
    for (const Change& change : survivors) {
      if (survival == Survival::torn) {
        apply_torn(content, change, random);
      } else {
        apply(content, change);
      }
    }
    std::ofstream(to / path.filename(), std::ios::binary) << content;
  }
}

}  // namespace bondway::db
