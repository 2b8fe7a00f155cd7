"""Puts repositories onto the Hub: each in one commit, so that it is there whole or not at all."""

from collections.abc import Sequence
from dataclasses import dataclass

from huggingface_hub import CommitOperationAdd, CommitOperationCopy, CommitOperationDelete, HfApi
from huggingface_hub.errors import RepositoryNotFoundError
from huggingface_hub.hf_api import RepoFile

from slr_hf.hub.failures import PublishingError, explained
from slr_hf.hub.published_files import Publication, PublishedFile

#: What the Hub itself puts into a new repository.
_INITIAL_FILES = frozenset({".gitattributes", "README.md"})

#: The SDK of our Spaces.
_SPACE_SDK = "gradio"


@dataclass(frozen=True)
class Published:
    """What became of a repository.

    Args:
        publication: The repository.
        changed: How many files were added, replaced or deleted; 0 where all was there already.
        commit: The address of the commit, or of the repository where nothing has changed.
    """

    publication: Publication
    changed: int
    commit: str


@dataclass(frozen=True)
class _Change:
    """What a repository needs to become its publication.

    Args:
        publication: The repository.
        head: Its last commit; `None` where there is no repository yet.
        added: Files that are new or different.
        deleted: Code, weights and plots that an earlier publishing left.
    """

    publication: Publication
    head: str | None
    added: tuple[PublishedFile, ...]
    deleted: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.added) + len(self.deleted)


def publish(publications: Sequence[Publication], private: bool = False, token: str | None = None) -> list[Published]:
    """Publishes repositories in their order, each in one commit. What is there already makes no commit.

    All of them are looked at before the first is written. A repository that was created here is deleted again where
    its commit fails.

    Args:
        publications: The repositories, such as a model and then its Space.
        private: Whether new repositories are private. An existing public one is then refused.
        token: The Hub's token; by default HF_TOKEN, or the one that `hf auth login` stored.

    Returns:
        What became of each.

    Raises:
        PublishingError: If the Hub refuses or cannot be reached, or a name is taken by something else. The
            repositories before the one that failed stay published; of that one nothing is.
    """
    api = HfApi(token=token, library_name="slr_hf")
    with explained("asking whose token it is"):
        api.whoami()
    changes = [_compare(api, publication, private) for publication in publications]
    done: list[Published] = []
    for change in changes:
        try:
            done.append(_apply(api, change, private))
        except PublishingError as error:
            before = "".join(f" The {published.publication} is published." for published in done)
            raise PublishingError(f"{error}{before}") from error
    return done


def _compare(api: HfApi, publication: Publication, private: bool = False) -> _Change:
    """Finds what differs between the Hub and a publication, and makes sure that it may be written."""
    kind, repository = publication.kind, publication.repository
    with explained(f"looking at the {publication}"):
        try:
            information = api.repo_info(repository, repo_type=kind)
            head = information.sha
            entries = api.list_repo_tree(repository, recursive=True, revision=head, repo_type=kind)
            remote = {entry.path: entry for entry in entries if isinstance(entry, RepoFile)}
        except RepositoryNotFoundError:
            return _Change(publication, None, publication.files, ())
    # Everything that slr_hf publishes or pushes brings code of these names.
    if remote.keys() - _INITIAL_FILES and not any(path.endswith("_slr.py") for path in remote):
        raise PublishingError(
            f"The name is taken: the {publication} holds something else ({', '.join(sorted(remote)[:4])}...). Choose "
            "another id, or delete it on the Hub."
        )
    if private and not information.private:
        raise PublishingError(f"The {publication} is public already. Make it private in its settings on the Hub first.")
    added = tuple(file for file in publication.files if file.path not in remote or not file.equals(remote[file.path]))
    deleted = remote.keys() - {file.path for file in publication.files}
    return _Change(publication, head, added, tuple(sorted(filter(_is_outdated, deleted))))


def _is_outdated(path: str) -> bool:
    """Tells whether a file that is no longer published would mislead; others, added on the Hub, are left alone."""
    return path.endswith((".py", ".safetensors", ".safetensors.index.json")) or "plots/" in path


def _apply(api: HfApi, change: _Change, private: bool) -> Published:
    """Makes the commit, and the repository where there is none."""
    publication = change.publication
    kind, repository = publication.kind, publication.repository
    if not change:
        return Published(publication, 0, _address(api, publication))
    if change.head is None:
        with explained(f"creating the {publication}"):
            api.create_repo(
                repository,
                repo_type=kind,
                private=private or None,  # by default as the user's or the organisation's settings say
                space_sdk=_SPACE_SDK if kind == "space" else None,
            )
    operations: list[CommitOperationAdd | CommitOperationCopy | CommitOperationDelete] = [
        *(CommitOperationAdd(file.path, file.content) for file in change.added),
        *(CommitOperationDelete(path) for path in change.deleted),
    ]
    try:
        with explained(f"uploading the {publication}"):
            commit = api.create_commit(
                repository,
                operations,
                commit_message="Publish with slr_hf",
                repo_type=kind,
                parent_commit=change.head,  # refused where somebody else has committed since we looked
            )
    except PublishingError as error:
        return _recover(api, change, error)
    return Published(publication, len(change), str(commit.commit_url))


def _recover(api: HfApi, change: _Change, error: PublishingError) -> Published:
    """After a failed commit: finds out whether only its answer got lost, and deletes a repository made for it."""
    publication = change.publication
    try:
        left = _compare(api, publication)
        if not left:
            return Published(publication, len(change), _address(api, publication))
        if change.head is None and left.added == publication.files:
            with explained(f"deleting the {publication}"):
                api.delete_repo(publication.repository, repo_type=publication.kind)
    except PublishingError:
        new = " Its new repository may be empty." if change.head is None else ""
        raise PublishingError(f"{error} Whether the {publication} arrived is unknown.{new}") from error
    raise PublishingError(f"{error} Nothing of the {publication} was published.") from error


def _address(api: HfApi, publication: Publication) -> str:
    prefix = "spaces/" if publication.kind == "space" else ""
    return f"{api.endpoint}/{prefix}{publication.repository}"


__all__ = ["Published", "publish"]
