//! PKCS#11 modules: shared libraries that are loaded into this process, each once.

use super::{ModuleProblem, TokenError, TokenName, error::said, slot::State};
use cryptoki::{
    context::{CInitializeArgs, CInitializeFlags, Function, Pkcs11},
    error::{Error as Pkcs11Error, RvError},
};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A module that is loaded and initialised. It stays so until the process ends: others may hold sessions of it.
#[derive(Debug)]
pub struct Module {
    /// Where it lies.
    pub path: PathBuf,
    /// Its functions.
    pub pkcs11: Pkcs11,
    /// We initialised it, so it is ours to end.
    ours: bool,
    /// The tokens that were opened. Whoever calls the module holds them: many modules bear one thread, and none may
    /// be called while [`Module::renew`] is at work.
    tokens: Mutex<BTreeMap<TokenName, State>>,
}

/// The tokens of a module that were opened.
pub type Tokens<'a> = MutexGuard<'a, BTreeMap<TokenName, State>>;

impl Module {
    /// The module at `path`, loaded if it is not yet. `owner` is the user whose keys it is to open.
    ///
    /// # Errors
    /// [`TokenError::Module`].
    pub fn at(path: &Path, owner: u32) -> Result<Arc<Self>, TokenError> {
        static MODULES: Mutex<BTreeMap<PathBuf, Arc<Module>>> = Mutex::new(BTreeMap::new());
        let refused = |problem| TokenError::Module { path: path.to_path_buf(), problem };
        let place = trusted(path, owner).map_err(refused)?;
        // Held while it loads: two at once would both initialise it.
        let mut modules = MODULES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(module) = modules.get(&place) {
            return Ok(module.clone());
        }
        let pkcs11 = Pkcs11::new(&place).map_err(|error| refused(ModuleProblem::Load(said(&error))))?;
        let ours = match begin(&pkcs11) {
            Ok(()) => true,
            // Something else in this process uses it too.
            Err(Pkcs11Error::Pkcs11(RvError::CryptokiAlreadyInitialized, Function::Initialize)) => false,
            Err(error) => return Err(refused(ModuleProblem::Begin(said(&error)))),
        };
        let module = Arc::new(Self { path: path.to_path_buf(), pkcs11, ours, tokens: Mutex::default() });
        modules.insert(place, module.clone());
        Ok(module)
    }

    /// The tokens, for whoever is to call the module next.
    pub fn tokens(&self) -> Tokens<'_> {
        // Whoever panicked while it was held left a session that the token itself will speak up about.
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Initialises the module anew: many see only those tokens that were there when they were initialised.
    /// All sessions end, and the next use of each token begins one.
    pub fn renew(&self, tokens: &mut Tokens<'_>) {
        if !self.ours {
            return;
        }
        tokens.values_mut().for_each(State::leave);
        // Where either fails, whoever uses the module next is told by the module.
        drop(self.pkcs11.clone().finalize());
        drop(begin(&self.pkcs11));
    }
}

fn begin(pkcs11: &Pkcs11) -> Result<(), Pkcs11Error> {
    pkcs11.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))
}

/// Where the module really lies, if nobody but root and `owner` can change what is there. Folders further up are
/// not looked at: whoever can change those has the system.
fn trusted(path: &Path, owner: u32) -> Result<PathBuf, ModuleProblem> {
    if !path.is_absolute() {
        return Err(ModuleProblem::Relative);
    }
    let place = fs::canonicalize(path).map_err(|_| ModuleProblem::Missing)?;
    // The folder of a link as well: a link can be put elsewhere.
    let folders = [path.parent(), place.parent()];
    for looked_at in folders.into_iter().flatten().chain([place.as_path()]) {
        if !is_ours_alone(looked_at, owner)? {
            return Err(ModuleProblem::Writable(looked_at.to_path_buf()));
        }
    }
    Ok(place)
}

#[cfg(unix)]
fn is_ours_alone(path: &Path, owner: u32) -> Result<bool, ModuleProblem> {
    use std::os::unix::fs::MetadataExt as _;
    let meta = fs::metadata(path).map_err(|_| ModuleProblem::Missing)?;
    Ok((meta.uid() == 0 || meta.uid() == owner) && meta.mode() & 0o022 == 0)
}

#[cfg(not(unix))]
fn is_ours_alone(_: &Path, _: u32) -> Result<bool, ModuleProblem> {
    Ok(true)
}

/// The user that the keys in folder `path` belong to.
pub fn owner_of(path: &Path) -> u32 {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        // A folder that cannot be looked at is no reason to trust anybody but root.
        fs::metadata(path).map_or(0, |meta| meta.uid())
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

    fn allow(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn code_that_others_can_change_is_not_loaded() {
        let dir = tempfile::tempdir().unwrap();
        let (ours, open) = (dir.path().join("ours"), dir.path().join("open"));
        fs::create_dir(&ours).unwrap();
        fs::create_dir(&open).unwrap();
        allow(&ours, 0o755);
        let (module, link) = (ours.join("module.so"), open.join("link.so"));
        fs::write(&module, b"no library").unwrap();
        symlink(&module, &link).unwrap();
        let owner = fs::metadata(&module).unwrap().uid();
        let problem = |path: &Path| match Module::at(path, owner) {
            Err(TokenError::Module { problem, .. }) => problem,
            other => panic!("{other:?}"),
        };
        allow(&module, 0o644);
        assert!(matches!(problem(&module), ModuleProblem::Load(_)), "trusted, and no library");
        assert_eq!(problem(Path::new("module.so")), ModuleProblem::Relative);
        assert_eq!(problem(&ours.join("other.so")), ModuleProblem::Missing);
        for mode in [0o664, 0o646] {
            allow(&module, mode);
            assert!(matches!(problem(&module), ModuleProblem::Writable(_)), "{mode:o}");
        }
        allow(&module, 0o644);
        allow(&open, 0o777);
        assert!(matches!(problem(&link), ModuleProblem::Writable(path) if path == open));
        allow(&open, 0o755);
        assert!(matches!(problem(&link), ModuleProblem::Load(_)));
        if owner == 0 {
            std::os::unix::fs::chown(&module, Some(61_000), None).unwrap();
            assert!(matches!(problem(&module), ModuleProblem::Writable(_)), "somebody else's");
        }
    }

    #[test]
    fn a_library_that_is_no_module_says_so() {
        let library = ["/lib/x86_64-linux-gnu/libm.so.6", "/lib/aarch64-linux-gnu/libm.so.6"].map(Path::new);
        let Some(library) = library.into_iter().find(|path| path.exists()) else { return };
        let refused = Module::at(library, 0).unwrap_err();
        assert!(refused.to_string().contains("C_GetFunctionList"), "{refused}");
        assert!(refused.remedy().contains("vendor"), "{}", refused.remedy());
    }
}
