"""The data sets: what is read, how a person obtains it, and under which terms."""

from __future__ import annotations

from ucdver import DatasetSpec
from ucdver_emotion.drawn.spec import DRAWN
from ucdver_emotion.histograms import HISTOGRAMS
from ucdver_emotion.icon_sets import ICON_SETS

_RESEARCH = "no licence stated; pictures by users of social networks, for research only"
_ASK = "for research only, on request"
_MACHAJDIK = "Machajdik & Hanbury, Affective Image Classification using Features inspired by Art Theory, ACM MM 2010"

#: The counts of emotion6 are by search word, which is none of its label spaces' usual one, so they are not compared.
_PUBLISHED = {name: HISTOGRAMS[name].classes for name in ("emoset", "fi", "ser30k")}

EMOJI = DatasetSpec(
    name="emoji",
    version="1",
    reader="ucdver_emotion.reader:read",
    loader="ucdver_emotion.draw:loader",
    fetch="ucdver_emotion.fetch:fetch",
    domains=tuple(icons.domain for icons in ICON_SETS),
    label_spaces=("ekman6", "ekman7", "mikels8"),
    summary="emoji faces drawn by eleven icon sets, each a domain, the same emotions in every one",
    licence="art by set: " + ", ".join(sorted({icons.licence for icons in ICON_SETS})) + "; see LICENCES.md",
    obtain="ucdver data fetch emoji",
)


def _given(
    name: str,
    reader: str,
    domain: str,
    spaces: str,
    summary: str,
    licence: str,
    obtain: str,
    paper: str,
    loader: str = "",
) -> DatasetSpec:
    """Return the spec of a data set of one domain, which a person must obtain."""
    return DatasetSpec(
        name=name,
        version="1",
        reader=f"ucdver_emotion.readers.{reader}",
        loader=f"ucdver_emotion.readers.{loader}" if loader else None,
        domains=(domain,),
        label_spaces=tuple(spaces.split()),
        summary=summary,
        licence=licence,
        obtain=obtain,
        paper=paper,
        histogram=_PUBLISHED.get(name, {}),
    )


_PHOTOS = (
    _given(
        *("emoset", "emoset:read", "photo", "mikels8", "photos from the web with one of Mikels' eight emotions"),
        "code MIT; pictures from social networks, for research only",
        "EmoSet-118K from the links in the README of JingyuanYY/EmoSet; DIR holds {train,val,test}.json and image/",
        "Yang et al., EmoSet: A Large-scale Visual Emotion Dataset with Rich Attributes, ICCV 2023",
    ),
    _given(
        *("fi", "fi:read", "photo", "mikels8", "photos of Flickr and Instagram, each kept by three of five judges"),
        _RESEARCH,
        "FI from its authors or from the WSCNet project; DIR holds emotion_dataset/CLASS/FILE and, for a split, "
        "train.json and test.json of other_dataset/FI in the SER30K repository",
        "You et al., Building a Large Scale Dataset for Image Emotion Recognition, AAAI 2016",
    ),
    _given(
        *("emotion6", "emotion6:read_emotion6", "photo", "ekman6 ekman7 emotion6_keyword emotion6_valence"),
        "photos of Flickr with the distribution of what people saw in them",
        "academic research only; copyright stays with the owners",
        "Emotion6 from chenlab.ece.cornell.edu/downloads.html; DIR holds images/ and ground_truth.txt",
        "Peng et al., A Mixed Bag of Emotions, CVPR 2015",
    ),
    _given(
        *(
            "emotionroi",
            "emotion6:read_emotionroi",
            "photo",
            "ekman6",
            "the photos of Emotion6, by search word, with a split",
        ),
        "academic research only; copyright stays with the owners",
        "EmotionROI from its authors' page; DIR holds images/ and training_testing_split/",
        "Peng et al., Where do Emotions Come From? Predicting the Emotion Stimuli Map, ICIP 2016",
    ),
    _given(
        *(
            "unbiasedemo",
            "panda:read_unbiasedemo",
            "photo",
            "parrott6",
            "the same objects shown with each of six emotions",
        ),
        "academic research only",
        "UnBiasedEmo from rpand002.github.io/emotion.html; DIR holds images/EMOTION/OBJECT/FILE",
        "Panda et al., Contemplating Visual Emotions: Understanding and Overcoming Dataset Bias, ECCV 2018",
    ),
    _given(
        *("webemo", "panda:read_webemo", "photo", "webemo25", "stock photos searched by 25 emotions of Parrott's tree"),
        "academic research only",
        "WEBEmo from rpand002.github.io/emotion.html; DIR holds a list with a header, or a folder a class",
        "Panda et al., Contemplating Visual Emotions: Understanding and Overcoming Dataset Bias, ECCV 2018",
    ),
    _given(
        *("findingemo", "findingemo:read", "photo", "plutchik8 plutchik24 sentiment2", "scenes of several people"),
        "annotations and links CC-BY-NC-SA-4.0; the pictures belong to their owners",
        "findingemo-light from PyPI downloads what is left; DIR holds annotations_single.ann, Run_1/ and Run_2/",
        "Mertens et al., FindingEmo: An Image Dataset for Emotion Recognition in the Wild, NeurIPS 2024",
    ),
    _given(
        *("twitter1", "twitter:read_twitter1", "photo", "sentiment2 twitter1_agree4 twitter1_agree5"),
        *("pictures of Twitter, judged by five people", _RESEARCH),
        "Twitter I from its authors; DIR holds Agg_AMT_Candidates/ and amt_result.csv",
        "You et al., Robust Image Sentiment Analysis Using Progressively Trained Deep Networks, AAAI 2015",
    ),
    _given(
        *("twitter2", "twitter:read_twitter2", "photo", "sentiment2", "pictures of Twitter with sentiment", _RESEARCH),
        "Twitter II from the authors of SentiBank; DIR holds positive/ and negative/, or labels.csv",
        "Borth et al., Large-scale Visual Sentiment Ontology and Detectors Using Adjective Noun Pairs, ACM MM 2013",
    ),
)

_ART = (
    _given(
        *("ser30k", "ser30k:read", "sticker", "ekman7", "stickers with their theme and text"),
        "research only, not to be passed on; access by a signed form from an institution",
        "sign SER_Data_Access_Form.docx of the SER30K repository; DIR holds SER_Dataset/{Images,Annotations}",
        "Liu et al., SER30K: A Large-Scale Dataset for Sticker Emotion Recognition, ACM MM 2022",
    ),
    _given(
        *(
            "emo8",
            "class_folders:read_emo8",
            "mixed",
            "mikels8",
            "cartoons, photos, science fiction and advertisements",
        ),
        "no licence stated for the pictures; for research only",
        "Emo8 from the link in the README of UniEmoX; DIR holds Emo8/{train,val,test}/CLASS/FILE",
        "UniEmoX: Cross-modal Semantic-Guided Large-Scale Pretraining for Universal Scene Emotion Perception, 2024",
    ),
    _given(
        *("artphoto", "machajdik:read_artphoto", "art", "mikels8", "photos made by artists to evoke an emotion"),
        "for research only",
        "testImages_artphoto.zip from www.imageemotion.org; DIR holds testImages_artphoto/",
        _MACHAJDIK,
    ),
    _given(
        *("abstract", "machajdik:read_abstract", "abstract", "mikels8", "abstract paintings with some 14 votes each"),
        "for research only",
        "testImages_abstract.zip from www.imageemotion.org; DIR holds testImages_abstract/ with its table",
        _MACHAJDIK,
    ),
    _given(
        *("artemis", "artemis:read", "painting", "artemis9", "paintings of WikiArt and what people felt before them"),
        "annotations on request by a form; code MIT; the paintings come from WikiArt",
        "the form at artemisdataset.org, and WikiArt; "
        "DIR holds artemis_dataset_release_v0.csv and wikiart/STYLE/PAINTING.jpg",
        "Achlioptas et al., ArtEmis: Affective Language for Visual Art, CVPR 2021",
    ),
)

_FACES = (
    _given(
        *("fer2013", "fer:read_fer2013", "face", "ekman7", "grey faces of 48 x 48 pixels"),
        "no licence stated with the competition's data; the pictures belong to their owners; for research only",
        "fer2013.csv of the Kaggle competition on facial expressions, 2013; DIR holds it, or fer2013.csv.gz",
        "Goodfellow et al., Challenges in Representation Learning, ICONIP 2013",
        loader="fer:loader",
    ),
    _given(
        *("ferplus", "fer:read_ferplus", "face", "ferplus8", "the faces of FER2013, judged anew by ten people each"),
        "labels MIT; faces as fer2013",
        "fer2013new.csv of the repository microsoft/FERPlus; DIR holds it and the whole fer2013.csv",
        "Barsoum et al., Training Deep Networks for Facial Expression Recognition, ICMI 2016",
        loader="fer:loader",
    ),
    _given(
        *("rafdb", "faces:read_rafdb", "face", "ekman7", "faces in the wild, aligned, with basic emotions", _ASK),
        "by e-mail to the authors of RAF-DB; DIR holds EmoLabel/list_patition_label.txt and Image/aligned/",
        "Li et al., Reliable Crowdsourcing and Deep Locality-Preserving Learning, CVPR 2017",
    ),
    _given(
        *("affectnet", "faces:read_affectnet", "face", "affectnet8", "faces in the wild, with contempt", _ASK),
        "the request form of AffectNet; DIR holds train_set/ and val_set/, or training.csv and validation.csv",
        "Mollahosseini et al., AffectNet, IEEE Transactions on Affective Computing 10, 2019",
    ),
    _given(
        *("caers", "class_folders:read_caers", "scene", "ekman7", "people in scenes of television", _ASK),
        "CAER-S from caer-dataset.github.io; DIR holds {train,test}/{Anger,Disgust,Fear,Happy,Neutral,Sad,Surprise}/",
        "Lee et al., Context-Aware Emotion Recognition Networks, ICCV 2019",
    ),
)

DATASETS = (EMOJI, DRAWN, *_PHOTOS, *_ART, *_FACES)
