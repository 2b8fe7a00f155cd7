"""Every text of the page, in each of its languages."""

LANGUAGES: dict[str, str] = {"en": "English", "ru": "Русский"}

TEXTS: dict[str, dict[str, str]] = {
    "en": {
        "title": "# Sign language recognition",
        "intro": "Upload or record a short video of **one sign**. The page answers with the five most likely meanings.",
        "video": "Video of one sign",
        "mirror": "Mirror the video",
        "mirror_info": "Tick this if writing in the video reads backwards, or if the signer is left-handed.",
        "recognize": "Recognise the sign",
        "answer": "Most likely signs",
        "vocabulary": "Signs that this model knows ({count})",
        "limits": (
            "Up to {seconds} seconds and {megabytes} MB. "
            "Keep your head, shoulders and both hands in view, in good light."
        ),
        "privacy": "The video is read on this server only, and deleted within an hour.",
        "no_event": "no sign",
        "finding": "Looking for hands, body and face",
        "sure": "The model is sure of its first answer.",
        "fairly_sure": "The model is fairly sure of its first answer.",
        "unsure": "The model is not sure. Look at the other answers too.",
        "guessing": "The model is guessing. The sign may not be one that it knows.",
        "no_hands": "No hand was seen. Keep both hands in view, in good light.",
        "hands_rarely_seen": "Hands were seen in less than half of the video. Keep them in view, in good light.",
        "no_body": "Head and shoulders were not seen. Step back until they are in view.",
        "too_short": "Hands were seen for a moment only. Record the whole sign.",
        "no_video": "There is no video yet. Upload or record one first.",
        "too_long": "The video is longer than {seconds} seconds. Please cut it to the one sign.",
        "unreadable": "This file cannot be read as a video. Please try another one, for example an MP4.",
    },
    "ru": {
        "title": "# Распознавание жестового языка",
        "intro": "Загрузите или запишите короткое видео с **одним жестом**. Страница назовёт пять вероятных значений.",
        "video": "Видео с одним жестом",
        "mirror": "Отразить видео",
        "mirror_info": "Отметьте, если надписи в видео читаются задом наперёд или если ведущая рука — левая.",
        "recognize": "Распознать жест",
        "answer": "Самые вероятные жесты",
        "vocabulary": "Жесты, которые знает эта модель ({count})",
        "limits": (
            "До {seconds} секунд и {megabytes} МБ. Голова, плечи и обе руки должны быть в кадре, при хорошем освещении."
        ),
        "privacy": "Видео обрабатывается только на этом сервере и удаляется в течение часа.",
        "no_event": "нет жеста",
        "finding": "Поиск рук, тела и лица",
        "sure": "Модель уверена в первом ответе.",
        "fairly_sure": "Модель почти уверена в первом ответе.",
        "unsure": "Модель не уверена. Посмотрите и другие ответы.",
        "guessing": "Модель угадывает. Возможно, она не знает этого жеста.",
        "no_hands": "Руки не найдены. Держите обе руки в кадре, при хорошем освещении.",
        "hands_rarely_seen": "Руки видны меньше половины времени. Держите их в кадре, при хорошем освещении.",
        "no_body": "Голова и плечи не найдены. Отойдите так, чтобы они были в кадре.",
        "too_short": "Руки видны лишь мгновение. Запишите жест целиком.",
        "no_video": "Видео ещё нет. Сначала загрузите или запишите его.",
        "too_long": "Видео длиннее {seconds} секунд. Оставьте в нём только один жест.",
        "unreadable": "Этот файл не читается как видео. Попробуйте другой, например MP4.",
    },
}
